"""A search on a page: what was found, by rank."""

from __future__ import annotations

from equical.html import Column, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.common.suitability import OUTSIDE
from equical.workflows.search.files import STRUCTURES

__all__ = ["page"]

DECIMALS = {
    "formula": None,
    "space_group": None,
    "energy_per_atom": 4,
    "above_hull": 4,
    "formation_energy": 4,
    "volume_per_atom": 2,
    "num_atoms": None,
    "times_found": None,
}
"""Entries of a structure that was found, and how many decimals are shown."""


def page(run: FinishedRun) -> Page:
    """Of stable crystals among random ones."""
    found = run.result["found"]
    columns = [Column("rank"), *(run.column(name, decimals=decimals) for name, decimals in DECIMALS.items())]
    rows = [[rank, *(one[name] for name in DECIMALS)] for rank, one in enumerate(found, 1)]
    if any(one.get("outside") for one in found):
        columns.append(Column(OUTSIDE))
        rows = [[*row, one["outside"]] for row, one in zip(rows, found, strict=True)]
    structures = [
        Structure(f"{rank}: {one['formula']} {one['space_group'] or ''}".rstrip(), atoms, STRUCTURES)
        for rank, (one, atoms) in enumerate(zip(found, run.structures(STRUCTURES), strict=True), 1)
    ]
    links = [structure.name for structure in structures]
    return run.page(
        f"Crystals of {run.result['composition']}",
        facts=run.facts("num_structures", "num_failed", "num_dropped", "num_distinct"),
        tables=[Table("Found", columns, rows, links)],
        structures=structures,
        first=links[0],
    )
