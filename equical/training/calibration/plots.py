"""The picture of a calibration: stated against found errors, and how many were found within what was stated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.files import atomic_path
from equical.training.calibration.score import score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOT_FILE", "plot_calibration"]

PLOT_FILE = "uncertainty.png"

MOST_DOTS = 4000

Errors = tuple[NDArray[np.float64], NDArray[np.float64]]


def plot_calibration(path: Path, *, energy: Errors, forces: Errors) -> None:
    """Draw errors found and stated of energies (meV/atom) and, where there are any, of components of forces (meV/Å)."""
    from matplotlib.figure import Figure

    panels = [("energy", "meV/atom", energy)] + [("forces", "meV/Å", forces)] * bool(len(forces[0]))
    figure = Figure(figsize=(7.4, 3.4 * len(panels)), layout="constrained")
    for (left, right), (name, unit, (errors, stated)) in zip(
        figure.subplots(len(panels), 2, squeeze=False), panels, strict=True
    ):
        _dots(left, np.abs(errors), stated)
        left.set(xlabel=f"standard deviation, stated ({unit})", ylabel=f"error, found ({unit})", title=name)
        _coverage(right, np.abs(errors) / np.maximum(stated, 1e-12))
        right.set(title=f"{name}: {len(errors)} held out")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _dots(axes: Axes, found: NDArray[np.float64], stated: NDArray[np.float64]) -> None:
    from matplotlib.ticker import LogLocator

    step = -(-len(found) // MOST_DOTS)
    limits = np.quantile(stated, [0.002, 1]) * [0.8, 1.25]
    axes.plot(stated[::step], found[::step], ".", color="C0", markersize=3, alpha=0.4)
    for factor, style, label in ((1, "-", "1 σ"), (2, "--", "2 σ")):
        axes.plot(limits, factor * limits, style, color="0.4", linewidth=1, label=label)
    groups = np.array(score(found, stated).groups)
    axes.plot(*groups.T, "o", color="C3", label="RMS of quarters")
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits * [0.03, 5])
    if limits[1] < 100 * limits[0]:  # few powers of ten: matplotlib's own labels run into each other
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.legend(frameon=False, fontsize=8)


def _coverage(axes: Axes, ratios: NDArray[np.float64]) -> None:
    """Share of errors within the interval in which a normal distribution has a share of its own."""
    from scipy.special import erf

    expected = erf(np.sort(ratios) / np.sqrt(2))
    axes.plot([0, 1], [0, 1], color="0.4", linewidth=1)
    axes.plot(expected, np.arange(1, len(ratios) + 1) / len(ratios), color="C0")
    for sigma in (1, 2):
        within = float((ratios < sigma).mean())
        axes.plot(erf(sigma / np.sqrt(2)), within, "o", color="C3")
        axes.annotate(f"{100 * within:.0f} % within {sigma} σ", (erf(sigma / np.sqrt(2)), within), (-9, 2),
                      textcoords="offset points", ha="right", va="center", fontsize=8)  # fmt: skip
    axes.set(xlabel="expected of a normal distribution", ylabel="share of errors found", xlim=(0, 1), ylim=(0, 1))
