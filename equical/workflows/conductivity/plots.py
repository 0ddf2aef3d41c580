"""Pictures of thermal conductivity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.conductivity.result import ConductivityResult

__all__ = ["plot_conductivity", "plot_modes"]

CUBIC = 1e-3
"""Relative difference of the three principal conductivities below which one curve is drawn."""


def plot_conductivity(result: ConductivityResult, path: Path) -> None:
    """Draw conductivity against temperature, along the three axes where they differ, and on the coarser mesh."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.subplots()
    kelvin, found = result.temperatures, result.transport
    along = np.einsum("tii->ti", found.kappa)
    if np.ptp(along, axis=1).max() <= CUBIC * along.max():
        axes.loglog(kelvin, found.mean, "o-", color="C0", label=_mesh(found.mesh))
    else:
        for axis, color in zip(range(3), ("C0", "C1", "C2"), strict=True):
            axes.loglog(kelvin, along[:, axis], "o-", color=color, label=f"{'xyz'[axis]}{'xyz'[axis]}")
    if result.coarser is not None:
        axes.loglog(kelvin, result.coarser.mean, "x:", color="0.5", label=f"{_mesh(result.coarser.mesh)}, mean")
    if result.method == "lbte":
        rta = np.trace(found.kappa_rta, axis1=1, axis2=2) / 3
        axes.loglog(kelvin, rta, "--", color="C3", label="relaxation-time approximation, mean")
    axes.set_xlabel("temperature (K)")
    axes.set_ylabel("thermal conductivity (W/m/K)")
    formula = result.structure.get_chemical_formula(empirical=True)
    axes.set_title(f"{formula}, {result.space_group}, {result.method.upper()}", fontsize=11)
    axes.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def plot_modes(result: ConductivityResult, path: Path) -> None:
    """Draw lifetimes against frequency, and what modes up to a frequency carry, at the temperature nearest 300 K."""
    from matplotlib.figure import Figure

    found, room = result.transport, result.room
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    left.semilogy(found.frequencies.ravel(), found.lifetimes[room].ravel(), ".", color="C0", markersize=3)
    left.set_ylabel("lifetime (ps)")
    order = np.argsort(found.frequencies, axis=None)
    carried = np.cumsum(found.contributions[room].ravel()[order])
    right.step(found.frequencies.ravel()[order], carried, where="post", color="C3")
    right.set_ylabel("carried by modes up to it (W/m/K)")
    right.set_ylim(bottom=0)
    figure.supxlabel("frequency (THz)", fontsize=10)
    formula = result.structure.get_chemical_formula(empirical=True)
    figure.suptitle(f"{formula}, {result.temperatures[room]:g} K", fontsize=11)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _mesh(numbers: tuple[int, int, int]) -> str:
    return "×".join(map(str, numbers))
