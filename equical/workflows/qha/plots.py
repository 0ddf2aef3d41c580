"""Pictures of a crystal in the quasi-harmonic approximation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import units
from numpy.typing import NDArray

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.qha.result import QhaResult

__all__ = ["plot_helmholtz", "plot_qha"]

CURVES = 8
"""Temperatures whose free energies are drawn, at most."""

NOTHING = 0.25
"""J/K per mole of atoms. Below such a heat capacity the Grüneisen parameter is a ratio of rounding errors."""


def plot_qha(result: QhaResult, path: Path) -> None:
    """Draw volume, thermal expansion, bulk modulus, heat capacities, Gibbs energy and Grüneisen parameter against T."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True).flat
    kelvin, found = result.temperatures, result.equilibrium
    style = "o-" if len(kelvin) < 4 else "-"
    curves: list[tuple[str, list[tuple[NDArray[np.float64], str, str | None]]]] = [
        ("volume (Å³/atom)", [(found.volume, "C0", None)]),
        ("thermal expansion ($10^{-6}$/K)", [(1e6 * found.thermal_expansion, "C3", None)]),
        ("bulk modulus (GPa)", [(found.bulk_modulus, "C2", None)]),
        (
            "heat capacity (J/K per mol of atoms)",
            [(found.heat_capacity_p, "C0", "$C_P$"), (found.heat_capacity_v, "C1", "$C_V$")],
        ),
        ("Gibbs energy (eV/atom)", [(found.gibbs_energy, "C4", None)]),
        ("Grüneisen parameter", [(np.where(found.heat_capacity_v > NOTHING, found.gruneisen, np.nan), "C5", None)]),
    ]
    for axes, (label, lines) in zip(panels, curves, strict=True):
        for values, color, name in lines:
            axes.plot(kelvin, values, style, color=color, label=name)
        axes.set_ylabel(label)
        if len(lines) > 1:
            axes.axhline(3 * units.kB * units.mol / units.J, color="0.6", linestyle=":", label="3R")
            axes.legend(frameon=False, loc="lower right")
    figure.supxlabel("temperature (K)", fontsize=10)
    figure.suptitle(f"{_formula(result)}, {result.space_group}, {result.pressure:g} GPa", fontsize=11)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def plot_helmholtz(result: QhaResult, path: Path) -> None:
    """Draw free energy (with the pressure's work) against volume, and the minimum at each of some temperatures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    work = result.pressure * units.GPa * result.volumes
    zero = result.energies.min()
    chosen = np.unique(np.linspace(0, len(result.temperatures) - 1, CURVES).round().astype(int))
    for index in chosen:
        label = f"{result.temperatures[index]:g} K"
        axes.plot(result.volumes, result.helmholtz[index] + work - zero, "o-", markersize=3, linewidth=1, label=label)
    found = result.equilibrium
    axes.plot(found.volume, found.gibbs_energy - zero, "-", color="0.3", linewidth=1)
    axes.plot(found.volume[chosen], found.gibbs_energy[chosen] - zero, "x", color="0.1", label="minimum")
    axes.set_xlabel("volume (Å³/atom)")
    axes.set_ylabel("free energy (eV/atom)" if result.pressure == 0 else "free energy + pV (eV/atom)")
    axes.set_title(f"{_formula(result)}, {result.space_group}", fontsize=11)
    axes.legend(frameon=False, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _formula(result: QhaResult) -> str:
    return result.structures[0].get_chemical_formula(empirical=True)
