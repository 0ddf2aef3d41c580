"""Learning curve and parity plots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path
from equical.training.report.metrics import Comparison, error_summary
from equical.training.report.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_learning_curve", "plot_parity"]


def plot_learning_curve(folder: Path) -> None:
    """Draw ``training.csv`` and ``validation.csv`` of a run as ``learning_curve.png``; needs at least one row."""
    training, validation = read_table(folder / "training.csv"), read_table(folder / "validation.csv")
    if not training and not validation:
        return
    noisy = any(row.get("noise_size_sigma", 0) > 0 for row in training)
    figure = _figure(13.5 if noisy else 9.0, 3.6)
    left, right, *beside = figure.subplots(1, 3 if noisy else 2)
    _lines(left, training, {"loss": ("training", "C0")})
    _lines(left, validation, {"loss": ("validation (averaged weights)", "C1")})
    left.set(xlabel="step", ylabel="loss", yscale="log")
    names = {
        "energy_rmse_meV_per_atom": ("energy RMSE (meV/atom)", "C2"),
        "forces_mae_meV_per_A": ("forces MAE (meV/Å)", "C3"),
        "stress_mae_meV_per_A3": ("stress MAE (meV/Å³)", "C4"),
    }
    _lines(right, validation, names)
    right.set(xlabel="step", ylabel="validation error", yscale="log")
    for axes in beside:
        _lines(axes, training, {"noise_sigma": ("noise, as predicted", "C5")})
        _lines(axes, training, {"noise_size_sigma": ("noise, if none were predicted", "0.6")})
        axes.set(xlabel="step", ylabel="error of the noise (σ)", ylim=(0, None))
    for axes in (left, right, *beside):
        if axes.lines:
            axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.3)
    _save(figure, folder / "learning_curve.png")


def plot_parity(comparison: Comparison, path: Path) -> None:
    """Predictions against labels for energy, forces and stress, one colour per data set."""
    errors = error_summary(comparison)
    panels = ["energy"]
    panels += ["forces"] if "forces_mae_meV_per_A" in errors else []
    panels += ["stress"] if "stress_mae_meV_per_A3" in errors else []
    figure = _figure(3.6 * len(panels), 3.6)
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for group in np.unique(comparison.group):
            part = comparison.of_group(str(group))
            if panel == "energy":
                per_atom = part.energy_label / part.atoms
                _dots(axes, per_atom, 1000 * (part.energy - part.energy_label) / part.atoms, str(group))
            elif panel == "forces":
                _dots(axes, part.forces_label[part.scored], part.forces[part.scored], str(group))
            else:
                _dots(axes, part.stress_label, part.stress, str(group))
        _dress(axes, panel, errors)
    figure.axes[0].legend(frameon=False, fontsize=7, markerscale=2)
    _save(figure, path)


def _dots(axes: Axes, label: np.ndarray, prediction: np.ndarray, name: str) -> None:
    axes.plot(label.ravel(), prediction.ravel(), ".", markersize=3, alpha=0.6, label=name, rasterized=True)


def _dress(axes: Axes, panel: str, errors: dict[str, float]) -> None:
    if panel == "energy":
        axes.axhline(0.0, color="0.5", linewidth=0.8)
        axes.set(xlabel="energy (eV/atom)", ylabel="prediction − label (meV/atom)")
        axes.set_title(f"energy: RMSE {errors['energy_rmse_meV_per_atom']:.3g} meV/atom", fontsize=9)
        return
    axes.axline((0.0, 0.0), slope=1.0, color="0.5", linewidth=0.8)
    unit, short = ("eV/Å", "A") if panel == "forces" else ("eV/Å³", "A3")
    axes.set(xlabel=f"{panel}, label ({unit})", ylabel=f"{panel}, prediction ({unit})")
    axes.set_title(f"{panel}: MAE {errors[f'{panel}_mae_meV_per_{short}']:.3g} m{unit}", fontsize=9)


def _lines(axes: Axes, rows: list[dict[str, float]], columns: dict[str, tuple[str, str]]) -> None:
    for column, (label, color) in columns.items():
        points = [(row["step"], row[column]) for row in rows if row.get(column, 0) > 0]
        if points:
            marker = "o" if len(points) < 30 else None
            axes.plot(*zip(*points, strict=True), label=label, color=color, marker=marker, markersize=3, linewidth=1.2)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
