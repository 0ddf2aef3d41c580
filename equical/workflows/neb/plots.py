"""The picture of a path: energy along it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.neb.result import NebResult

__all__ = ["plot_path"]


def plot_path(result: NebResult, path: Path) -> None:
    """Draw the energies of the images against the length of the path, and the spline through them and their slopes."""
    from matplotlib.figure import Figure

    energies = result.energies - result.energies[0]
    top = result.highest
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(result.fit.fit_path, result.fit.fit_energies, color="C0", linewidth=1.2, zorder=1)
    axes.plot(result.lengths, energies, "o", color="C0", zorder=2)
    axes.plot(result.lengths[[0, -1]], energies[[0, -1]], "o", color="0.3", zorder=3)
    if result.has_saddle:
        label = "climbing image" if result.climbing else "highest image"
        axes.plot(result.lengths[top], energies[top], "*", color="C3", markersize=13, zorder=4, label=label)
        axes.legend(frameon=False)
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("along the path (Å)")
    axes.set_ylabel("energy above the initial structure (eV)")
    outcome = "" if result.converged else " (not converged)"
    axes.set_title(
        f"{result.images[0].get_chemical_formula()}: barrier {result.barrier:.3f} eV forward, "
        f"{result.reverse_barrier:.3f} eV back{outcome}",
        fontsize=11,
    )
    axes.margins(y=0.12)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
