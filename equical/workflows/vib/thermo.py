"""Enthalpy, entropy and Gibbs energy of vibrations, with ASE's statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase import Atoms, units
from ase.thermochemistry import IdealGasThermo, QuasiHarmonicThermo
from numpy.typing import NDArray

from equical.workflows.common.molecule import geometry_of

__all__ = ["Thermochemistry", "of_harmonic_modes", "of_ideal_gas"]

PARTS = {"S_t": "translation", "S_r": "rotation", "S_v": "vibration", "S_e": "electrons"}


@dataclass(frozen=True)
class Thermochemistry:
    """Thermodynamic functions of one molecule or adsorbate at one temperature.

    Energies contain the potential energy and the zero-point energy.

    Attributes:
        statistics: ``"ideal-gas"`` or ``"harmonic"``.
        temperature: K.
        pressure: bar; None for harmonic modes, which have none.
        internal_energy: eV.
        enthalpy: eV; of harmonic modes the internal energy.
        entropy: eV/K.
        entropy_parts: eV/K, by where it comes from.
        gibbs_energy: eV, enthalpy − temperature · entropy; of harmonic modes the Helmholtz energy.
        low_frequency_cutoff: cm⁻¹, what lower frequencies were raised to.
        num_raised: how many these were.
        symmetry_number, spin: as used; None for harmonic modes.
    """

    statistics: Literal["ideal-gas", "harmonic"]
    temperature: float
    pressure: float | None
    internal_energy: float
    enthalpy: float
    entropy: float
    entropy_parts: dict[str, float]
    gibbs_energy: float
    low_frequency_cutoff: float
    num_raised: int
    symmetry_number: int | None = None
    spin: float | None = None


def of_ideal_gas(
    energy: float,
    frequencies: NDArray[np.float64],
    molecule: Atoms,
    *,
    temperature: float,
    pressure: float,
    symmetry_number: int,
    spin: float,
    cutoff: float = 0.0,
) -> Thermochemistry:
    """An ideal gas of rigid rotors and harmonic oscillators.

    Args:
        energy: eV, potential energy of the molecule.
        frequencies: ``[M]`` cm⁻¹, all positive, without those of translations and rotations.
        molecule: not periodic, in one piece.
        temperature: K.
        pressure: bar.
        symmetry_number: number of rotations that change nothing.
        spin: total spin of the electrons.
        cutoff: cm⁻¹, what lower frequencies are raised to.
    """
    gas = IdealGasThermo(
        np.maximum(frequencies, cutoff) * units.invcm,
        geometry=geometry_of(molecule),
        potentialenergy=energy,
        atoms=molecule,
        symmetrynumber=symmetry_number,
        spin=spin,
        vib_selection="all",
    )
    pascal = pressure * 1e5
    with np.errstate(over="ignore"):  # of exp(hν/kT), which is infinite in what it is used for
        entropy, parts = gas.get_ideal_entropy(
            temperature,
            translation=True,
            rotation=True,
            vibration=True,
            electronic=True,
            geometry=gas.geometry,
            pressure=pascal,
            symmetrynumber=symmetry_number,
        )
        internal = gas.get_internal_energy(temperature, verbose=False)
        enthalpy = gas.get_enthalpy(temperature, verbose=False)
    parts["S_t"] += parts.pop("S_p")
    return Thermochemistry(
        statistics="ideal-gas",
        temperature=temperature,
        pressure=pressure,
        internal_energy=float(internal),
        enthalpy=float(enthalpy),
        entropy=float(entropy),
        entropy_parts={PARTS[name]: float(value) for name, value in parts.items()},
        gibbs_energy=float(enthalpy - temperature * entropy),
        low_frequency_cutoff=cutoff,
        num_raised=int((frequencies < cutoff).sum()),
        symmetry_number=symmetry_number,
        spin=spin,
    )


def of_harmonic_modes(
    energy: float, frequencies: NDArray[np.float64], *, temperature: float, cutoff: float = 0.0
) -> Thermochemistry:
    """Harmonic oscillators alone: an adsorbate that neither moves along the surface nor turns on it.

    Args:
        energy: eV, potential energy of the structure.
        frequencies: ``[M]`` cm⁻¹, all positive.
        temperature: K.
        cutoff: cm⁻¹, what lower frequencies are raised to.
    """
    internal, entropy = energy, 0.0
    if len(frequencies):  # ASE adds up one mode at least
        quanta = frequencies * units.invcm
        modes = QuasiHarmonicThermo(quanta, potentialenergy=energy, raise_to=cutoff * units.invcm)
        with np.errstate(over="ignore"):
            internal = float(modes.get_internal_energy(temperature, verbose=False))
            entropy = float(modes.get_entropy(temperature, verbose=False))
    return Thermochemistry(
        statistics="harmonic",
        temperature=temperature,
        pressure=None,
        internal_energy=internal,
        enthalpy=internal,
        entropy=entropy,
        entropy_parts={"vibration": entropy},
        gibbs_energy=internal - temperature * entropy,
        low_frequency_cutoff=cutoff,
        num_raised=int((frequencies < cutoff).sum()),
    )
