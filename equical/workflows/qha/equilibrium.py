"""The volume of least free energy at each temperature, and what follows from it: phonopy's QHA.

G(T, p) is the minimum over V of E(V) + F_vib(V, T) + p V; an equation of state is fitted to this sum at each
temperature. Everything is counted per atom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray
from phonopy.qha.core import QHA

from equical.errors import InputError
from equical.workflows.eos.fit import LOWEST_R_SQUARED, fit_eos
from equical.workflows.phonon.modes import ThermalProperties

__all__ = ["FORMS", "Equilibrium", "find_equilibrium", "with_neighbors"]

FORMS = {"vinet": "vinet", "birchmurnaghan": "birch_murnaghan", "murnaghan": "murnaghan"}
"""Our names of the equations of state and phonopy's."""

HALF_STEP = 5.0
"""K. Derivatives with respect to temperature are central differences over twice this, whatever temperatures are asked
for."""


@dataclass(frozen=True)
class Equilibrium:
    """What the crystal is like at each temperature, at the volume of least free energy there.

    Attributes:
        volume: ``[T]`` Å³ per atom.
        thermal_expansion: ``[T]`` 1/K, of the volume: (1/V) dV/dT.
        bulk_modulus: ``[T]`` GPa, isothermal.
        gibbs_energy: ``[T]`` eV per atom; with the energy of the crystal at rest, and the pressure times the volume.
        heat_capacity_p: ``[T]`` J/K per mole of atoms, at constant pressure.
        heat_capacity_v: ``[T]`` J/K per mole of atoms, at the constant volume that the crystal has at T.
        gruneisen: ``[T]`` thermodynamic Grüneisen parameter V α B / C_V; zero at 0 K, where it is not defined.
    """

    volume: NDArray[np.float64]
    thermal_expansion: NDArray[np.float64]
    bulk_modulus: NDArray[np.float64]
    gibbs_energy: NDArray[np.float64]
    heat_capacity_p: NDArray[np.float64]
    heat_capacity_v: NDArray[np.float64]
    gruneisen: NDArray[np.float64]


def with_neighbors(temperatures: Sequence[float]) -> NDArray[np.float64]:
    """Temperatures in K, and those that derivatives at them need, in ascending order.

    >>> with_neighbors([0, 100]).tolist()
    [0.0, 5.0, 95.0, 100.0, 105.0]
    """
    kelvin = np.asarray(temperatures, dtype=float)
    both = np.concatenate([np.maximum(kelvin - HALF_STEP, 0), kelvin, kelvin + HALF_STEP])
    return np.unique(np.round(both, 9))


def find_equilibrium(
    volumes: NDArray[np.float64],
    energies: NDArray[np.float64],
    vibrations: Sequence[ThermalProperties],
    *,
    temperatures: Sequence[float],
    form: str,
    pressure: float,
) -> Equilibrium:
    """Minimise the free energy over the volume.

    Args:
        volumes: ``[P]`` Å³ per atom, ascending.
        energies: ``[P]`` eV per atom, of the crystal at rest.
        vibrations: for each volume, at the temperatures that :func:`with_neighbors` gives.
        temperatures: ``[T]`` K, ascending.
        form: one of :data:`FORMS`.
        pressure: GPa.

    Raises:
        InputError: the free energy has no minimum between the volumes at a temperature, or no equation of state follows
            it.
    """
    grid = vibrations[0].temperatures
    zero = energies.min()  # digits that matter would drown in large total energies
    static = energies - zero + pressure * units.GPa * volumes
    free = static + np.array([one.free_energy for one in vibrations]).T
    _refuse_unless_bracketed(grid, volumes, free)
    _refuse_unless_smooth(grid, volumes, static, free, form)
    found = QHA(
        volumes,
        static,
        grid,
        np.array([one.heat_capacity for one in vibrations]).T,
        np.array([one.entropy for one in vibrations]).T,
        np.array([one.free_energy for one in vibrations]).T * units.mol / units.kJ,
        eos=FORMS[form],
    )
    try:
        found.run()
    except RuntimeError as error:
        raise InputError(f"phonopy cannot fit the {form} equation of state to the free energies: {error}") from error
    _refuse_unless_followed(grid, volumes, free, found.volume_temperature)

    at = np.searchsorted(grid, np.round(temperatures, 9))

    def wanted(values: ArrayLike) -> NDArray[np.float64]:
        """At the temperatures asked for; older phonopy has lists."""
        return np.asarray(values, dtype=float)[at]

    volume, expansion = wanted(found.volume_temperature), wanted(found.thermal_expansion)
    bulk_modulus, cp = wanted(found.bulk_modulus_temperature), wanted(found.heat_capacity_P_polyfit)
    rise = np.asarray(temperatures) * volume * bulk_modulus * units.GPa * expansion**2  # eV/K
    return Equilibrium(
        volume=volume,
        thermal_expansion=expansion,
        bulk_modulus=bulk_modulus,
        gibbs_energy=wanted(found.gibbs_temperature) + zero,
        heat_capacity_p=cp,
        heat_capacity_v=cp - rise * units.mol / units.J,
        gruneisen=wanted(found.gruneisen_temperature),
    )


def _refuse_unless_bracketed(
    grid: NDArray[np.float64], volumes: NDArray[np.float64], free: NDArray[np.float64]
) -> None:
    """``free``: ``[G, P]``."""
    lowest = free.argmin(axis=1)
    outside = np.flatnonzero((lowest == 0) | (lowest == len(volumes) - 1))
    if outside.size:
        first = outside[0]
        end = "smallest" if lowest[first] == 0 else "largest"
        raise InputError(
            f"the volumes do not bracket the minimum of the free energy at {grid[first]:g} K, which still falls at the "
            f"{end} of them: widen --volume-range{' or end --temperatures below' if end == 'largest' else ''} "
            "(what was calculated is found again with --resume)"
        )


def _refuse_unless_smooth(
    grid: NDArray[np.float64],
    volumes: NDArray[np.float64],
    static: NDArray[np.float64],
    free: NDArray[np.float64],
    form: str,
) -> None:
    """Refuse free energies ``[G, P]`` that no equation of state fits at the lowest or at the highest temperature."""
    for index in (0, len(grid) - 1):
        fit = fit_eos(volumes, free[index], 1, form)
        if fit.r_squared >= LOWEST_R_SQUARED:
            continue
        at_rest = fit_eos(volumes, static, 1, form).r_squared < LOWEST_R_SQUARED
        culprit = "energies at rest do not change smoothly" if at_rest else "frequencies do not change smoothly"
        raise InputError(
            f"the free energy at {grid[index]:g} K scatters about the {form} equation of state by "
            f"{1000 * fit.rms_residual:.3g} meV/atom (R² = {fit.r_squared:.4f}, at least {LOWEST_R_SQUARED} wanted): "
            f"{culprit} with the volume; the model is not good enough for this range, or the crystal changes its "
            "structure within it: narrow --volume-range, or end --temperatures below"
        )


def _refuse_unless_followed(
    grid: NDArray[np.float64],
    volumes: NDArray[np.float64],
    free: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Refuse fits whose minimum is not where the lowest of the free energies ``[G, P]`` is."""
    lowest = free[: len(found)].argmin(axis=1)
    wrong = np.flatnonzero((found < volumes[lowest - 1]) | (found > volumes[lowest + 1]))
    if wrong.size:
        raise InputError(
            f"the equation of state does not follow the free energy at {grid[wrong[0]]:g} K: try another --form, or "
            "more or closer volumes"
        )
