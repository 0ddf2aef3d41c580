"""The picture of a relaxation: what is left of energy, force and stress at each step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from equical.workflows.relax.result import RelaxResult

__all__ = ["plot_relaxation"]


def plot_relaxation(result: RelaxResult, path: Path) -> None:
    """Draw energy against step, and below it forces (and stress) on a logarithmic axis with their thresholds."""
    from matplotlib.figure import Figure

    residuals: list[tuple[NDArray[np.float64], float, str]] = [
        (result.max_forces, result.settings.fmax, "largest force (eV/Å)")
    ]
    if result.max_stresses is not None:
        what = "stress off target" if result.settings.pressure else "largest stress"
        residuals.append((result.max_stresses, result.settings.smax, f"{what} (GPa)"))
    figure = Figure(figsize=(6, 2.2 * (1 + len(residuals))), layout="constrained")
    panels = figure.subplots(1 + len(residuals), 1, sharex=True)
    to_final = 1000 * (result.enthalpies - result.enthalpies[-1]) / len(result.atoms)
    panels[0].plot(to_final, ".-", color="C0")
    panels[0].set_ylabel(f"{'enthalpy' if result.settings.pressure else 'energy'} above final\n(meV/atom)")
    outcome = "converged" if result.converged else "not converged"
    panels[0].set_title(f"{result.atoms.get_chemical_formula()}: {outcome} after {result.steps} steps")
    for axes, (values, threshold, label) in zip(panels[1:], residuals, strict=True):
        _draw_residual(axes, values, threshold, label)
    panels[-1].set_xlabel("step")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_residual(axes: Axes, values: NDArray[np.float64], threshold: float, label: str) -> None:
    axes.plot(np.maximum(values, 1e-3 * threshold), ".-", color="C1")  # a perfect crystal has zeros, a logarithm none
    axes.axhline(threshold, color="0.5", linestyle="--", linewidth=1, label="threshold")
    axes.set_yscale("log")
    axes.set_ylabel(label)
    axes.legend(frameon=False)
