"""The picture of vibrations: a line for each mode, and how dense they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.vib.result import VibResult

__all__ = ["plot_spectrum"]

WIDTH = 15.0
"""cm⁻¹, standard deviation of what a mode is drawn as."""


def plot_spectrum(result: VibResult, path: Path) -> None:
    """Draw each mode as a line, imaginary ones left of zero, below the density of modes."""
    from matplotlib.figure import Figure

    frequencies = result.frequencies
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    margin = 6 * WIDTH
    low, high = min(frequencies.min() - margin, 0.0), frequencies.max() + margin
    grid = np.linspace(low, high, 2000)
    density = np.exp(-((grid[:, None] - frequencies) ** 2) / (2 * WIDTH**2)).sum(axis=1) / (WIDTH * np.sqrt(2 * np.pi))
    axes.fill_between(grid, density, color="C0", alpha=0.3, linewidth=0)
    axes.plot(grid, density, color="C0", linewidth=1)
    lines = -0.08 * density.max()
    real = frequencies > 0
    axes.vlines(frequencies[real], lines, 0, color="C0", linewidth=1.2)
    if not real.all():
        axes.vlines(frequencies[~real], lines, 0, color="C3", linewidth=1.2)
        axes.axvspan(low, 0, color="C3", alpha=0.06, linewidth=0)
        axes.annotate("imaginary", (0, 1), xycoords="axes fraction", xytext=(3, -4), textcoords="offset points",
                      rotation=90, va="top", color="C3", fontsize=8)  # fmt: skip
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.set_xlim(low, high)
    axes.set_ylim(1.3 * lines, 1.1 * density.max())
    axes.set_xlabel("frequency (cm$^{-1}$)")
    axes.set_ylabel("modes per cm$^{-1}$")
    symmetry = f", {result.point_group}" if result.point_group else ""
    axes.set_title(
        f"{result.structure.get_chemical_formula()}{symmetry}: zero-point energy {result.zero_point_energy:.4f} eV",
        fontsize=11,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
