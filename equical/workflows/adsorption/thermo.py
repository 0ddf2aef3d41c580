"""Adsorption at a temperature: vibrations of adsorbate and gas molecules, and what they add to the energy."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.workflows.common.folder import RunFolder
from equical.workflows.vib import VibResult, vib
from equical.workflows.vib.files import VIB_FILES
from equical.workflows.vib.thermo import Thermochemistry

__all__ = ["THERMO_FILES", "AdsorptionThermo", "Vibrations", "at_temperature"]

THERMO_FILES = tuple(f"thermo/*/{name}" for name in ("run.json", "result.json", *VIB_FILES))
"""What the vibrations of a run leave in its folder."""

SOFT = 50.0
"""cm⁻¹. Lower frequencies count as this one: of softer motions harmonic entropy is too large."""


@dataclass(frozen=True)
class AdsorptionThermo:
    """What adsorption is worth at a temperature, for the most stable configuration.

    Changes are adsorbed minus gas; the slab, whose vibrations are left out, is taken to be the same in both.

    Attributes:
        configuration: its name.
        temperature: K.
        pressure: bar, of each gas.
        zero_point_energy: eV, change; of the frequencies found.
        enthalpy: eV, of adsorption: energy, and change of zero-point energy and of heat content.
        entropy: eV/K, change; negative where the gas loses more than the adsorbate has.
        gibbs_energy: eV, of adsorption: enthalpy − temperature · entropy. Negative where the adsorbate is stable.
        adsorbate: of harmonic oscillators.
        gases: ideal ones, by name, each with its potential energy included.
    """

    configuration: str
    temperature: float
    pressure: float
    zero_point_energy: float
    enthalpy: float
    entropy: float
    gibbs_energy: float
    adsorbate: Thermochemistry
    gases: Mapping[str, Thermochemistry]


class Vibrations:
    """Vibrations of a run's adsorbates and gases, each of these once."""

    def __init__(self, folder: RunFolder, calculator: BaseCalculator, temperature: float, pressure: float) -> None:
        """Compute with ``calculator`` at K and bar, and keep what was done in ``folder``."""
        self._folder, self._gas_folder, self._calculator = folder, folder, calculator
        self.temperature, self.pressure = temperature, pressure
        self._gases: dict[str, VibResult] = {}

    def within(self, folder: RunFolder) -> Vibrations:
        """The same for the adsorbate of one of several runs, which keeps it in ``folder``; gases are shared."""
        inner = copy(self)
        inner._folder = folder
        return inner

    def of_gas(self, name: str, molecule: Atoms) -> VibResult:
        """Of a relaxed molecule: all of its atoms vibrate, and it turns and moves freely."""
        if name not in self._gases:
            folder = self._gas_folder
            self._gases[name] = self._vib(folder, f"gas-{name.replace('/', '_')}", molecule, spin=_spin(molecule))
        return self._gases[name]

    def of_adsorbate(self, name: str, structure: Atoms, size: int) -> VibResult:
        """Of the last ``size`` atoms of a relaxed structure; the slab stays."""
        structure = structure.copy()
        structure.set_constraint()  # of any kind: what does not vibrate stays anyway
        last = range(len(structure) - size, len(structure))
        return self._vib(
            self._folder, name, structure, indices=list(last), statistics="harmonic", low_frequency_cutoff=SOFT
        )

    def _vib(self, folder: RunFolder, name: str, atoms: Atoms, **options: object) -> VibResult:
        """A little movement takes the atoms from the forces of a usual relaxation to none."""
        return vib(
            atoms,
            self._calculator,
            temperature=self.temperature,
            pressure=self.pressure,
            relax_first=True,
            force=True,
            output=folder / "thermo" / name if folder else None,
            resume=folder.resume,
            **options,  # type: ignore[arg-type]
        )


def at_temperature(
    configuration: str,
    energy: float,
    adsorbate: VibResult,
    gases: Mapping[str, tuple[float, VibResult]],
    pressure: float,
) -> AdsorptionThermo:
    """Put adsorbate and gases together.

    Args:
        configuration: name of it.
        energy: eV, of adsorption.
        adsorbate: its vibrations.
        gases: how many molecules of each make the adsorbate, and their vibrations.
        pressure: bar, of each gas.
    """
    sides = [(1.0, adsorbate), *((-number, found) for number, found in gases.values())]
    enthalpy = energy + sum(number * (found.thermo.enthalpy - found.energy) for number, found in sides)
    entropy = sum(number * found.thermo.entropy for number, found in sides)
    temperature = adsorbate.thermo.temperature
    return AdsorptionThermo(
        configuration=configuration,
        temperature=temperature,
        pressure=pressure,
        zero_point_energy=sum(number * found.zero_point_energy for number, found in sides),
        enthalpy=enthalpy,
        entropy=entropy,
        gibbs_energy=enthalpy - temperature * entropy,
        adsorbate=adsorbate.thermo,
        gases={name: found.thermo for name, (_, found) in gases.items()},
    )


def _spin(molecule: Atoms) -> float:
    """Of the ground state: a triplet for O2, one unpaired electron where their number is odd, else none."""
    if molecule.get_chemical_formula() == "O2":
        return 1.0
    return 0.5 if molecule.numbers.sum() % 2 else 0.0
