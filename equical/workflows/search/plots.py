"""Pictures of a search: energies against volumes, and the convex hull of two elements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.search.result import SearchResult

__all__ = ["plot_energies", "plot_hull"]

NAMED = 5
"""Structures whose space group is written beside them."""


def plot_energies(result: SearchResult, path: Path) -> None:
    """Draw how far structures lie above the lowest of their composition against volume; often found ones are larger."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for color, formula in enumerate(result.formulas[:10]):
        ours = [one for one in result.found if one.formula == formula]
        axes.scatter(
            [one.volume_per_atom for one in ours],
            [1000 * one.above_lowest for one in ours],
            [16 + 10 * len(one.numbers) for one in ours],
            color=f"C{color}",
            alpha=0.7,
            linewidths=0,
            label=formula,
        )
    for one in result.found[:NAMED]:
        place = (one.volume_per_atom, 1000 * one.above_lowest)
        name = (one.space_group or "?").partition(" ")[0]
        axes.annotate(name, place, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.set_xlabel("volume (Å³/atom)")
    axes.set_ylabel("above the lowest of its composition (meV/atom)")
    axes.set_title(
        f"{result.settings.composition}: {len(result.found)} of {result.settings.structures} structures are distinct "
        "and low",
        fontsize=11,
    )
    if len(result.formulas) > 1:
        axes.legend(frameon=False, fontsize=8)
    axes.margins(0.18)  # room for the names
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def plot_hull(result: SearchResult, path: Path) -> None:
    """Draw energies against the share of the second element, relative to the ends, and the hull below them."""
    from matplotlib.figure import Figure

    second = result.settings.elements[1]
    share = np.array([one.atoms.symbols.count(second) / len(one.atoms) for one in result.found])
    energy = np.array([one.energy_per_atom for one in result.found])
    ends = [energy[share == end].min() for end in (share.min(), share.max())]
    relative = 1000 * (energy - np.interp(share, [share.min(), share.max()], ends))
    stable = np.array([one.above_hull < 1e-6 for one in result.found])
    order = np.argsort(share[stable])
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(share[~stable], relative[~stable], ".", color="0.6")
    axes.plot(share[stable][order], relative[stable][order], "o-", color="C0", linewidth=1.2)
    for one, x, y in zip(result.found, share, relative, strict=True):
        if one.above_hull < 1e-6:
            axes.annotate(one.formula, (x, y), xytext=(4, -11), textcoords="offset points", fontsize=8)
    axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel(f"share of {second}")
    axes.set_ylabel("formation energy (meV/atom)")
    axes.set_title(f"{'–'.join(result.settings.elements)}: convex hull of {len(result.found)} structures", fontsize=11)
    axes.margins(0.08)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
