"""One page about a calculator: how far it is from its limits, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path
from equical.testing.finding import Finding
from equical.workflows.check.result import CheckResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_check"]

COLORS = {"ok": "C2", "FAILED": "C3", "-": "0.6"}


def plot_check(result: CheckResult, path: Path) -> None:
    """Draw values over their limits, errors of rotations on the sphere, dimer curves, lines, and the drift."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8.5), layout="constrained")
    halves = figure.add_gridspec(1, 2, width_ratios=[3, 4])
    _draw_values(figure.add_subfigure(halves[0]).subplots(), result)
    panels = figure.add_subfigure(halves[1]).subplots(2, 2)
    _draw_sphere(panels[0, 0], _curves(result, "rotation"))
    _draw_dimers(panels[0, 1], _curves(result, "dimers"))
    _draw_lines(panels[1, 0], _curves(result, "lines"))
    _draw_drift(panels[1, 1], _curves(result, "energy drift"))
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _curves(result: CheckResult, check: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.check == check and finding.curve]


def _draw_values(axes: Axes, result: CheckResult) -> None:
    limited = [finding for finding in result.findings if finding.limit]
    for place, finding in enumerate(limited):
        assert finding.limit is not None
        ratio = finding.value / finding.limit
        ratio = max(ratio, 1e-9) if np.isfinite(ratio) else 1e9
        axes.plot(ratio, place, "o", color=COLORS[finding.verdict])
    axes.axvline(1, color="C3", linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(limited)), [f"{f.check}, {f.structure}" for f in limited], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("value over its limit")
    verdict = "all within limits" if result.converged else f"{len(result.failed)} beyond their limit"
    axes.set_title(f"{len(result.findings)} findings: {verdict}", fontsize=10)
    axes.grid(axis="x", color="0.9")


def _draw_sphere(axes: Axes, findings: list[Finding]) -> None:
    """Where the rotated z axis points, seen from both poles, coloured by the error."""
    axes.set_title("error of rotations, where they take z", fontsize=9)
    axes.set_aspect("equal")
    axes.set_axis_off()
    for side, centre in ((1, -1.1), (-1, 1.1)):
        circle = np.linspace(0, 2 * np.pi, 200)
        axes.plot(centre + np.cos(circle), np.sin(circle), color="0.7", linewidth=1)
        axes.text(centre, -1.25, "upper half" if side == 1 else "lower half", ha="center", fontsize=7)
        if not findings:
            continue
        axis = np.concatenate([finding.curve["axis"] for finding in findings])
        error = np.log10(np.maximum(np.concatenate([finding.curve["error"] for finding in findings]), 1e-17))
        here = side * axis[:, 2] >= 0
        colors = {"c": error[here], "vmin": error.min() - 1e-9, "vmax": error.max() + 1e-9}
        dots = axes.scatter(centre + axis[here, 0], axis[here, 1], s=18, cmap="viridis", **colors)
        if side == -1:
            axes.figure.colorbar(dots, ax=axes, location="bottom", shrink=0.8, label="log₁₀ error (eV/Å)")


def _draw_dimers(axes: Axes, findings: list[Finding]) -> None:
    axes.set_title("two atoms alone", fontsize=9)
    for finding in findings:
        distance, energy = finding.curve["distance"], finding.curve["energy"]
        axes.plot(distance, energy - energy[-1], label=finding.structure)
    axes.set_ylim(-8, 12)
    axes.set_xlabel("distance (Å)")
    axes.set_ylabel("energy (eV)")
    if findings:
        axes.legend(frameon=False, fontsize=7)


def _draw_lines(axes: Axes, findings: list[Finding]) -> None:
    axes.set_title("energy against work of the forces", fontsize=9)
    for finding in findings:
        reach = finding.curve["place"] / max(finding.curve["place"][-1], 1e-9)
        axes.plot(reach, np.maximum(finding.curve["misfit"], 1e-17), label=finding.structure)
    axes.set_yscale("log")
    axes.set_xlabel("along the line, from its start to its end")
    axes.set_ylabel("misfit (eV/atom)")
    if findings:
        axes.legend(frameon=False, fontsize=7)


def _draw_drift(axes: Axes, findings: list[Finding]) -> None:
    axes.set_title("total energy, NVE", fontsize=9)
    for finding in findings:
        axes.plot(finding.curve["time"], finding.curve["energy"])
    axes.set_xlabel("time (ps)")
    axes.set_ylabel("change (meV/atom)")
