"""What a search leaves on disk: every relaxation as soon as it is done, and at the end what was found."""

from __future__ import annotations

import csv

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.search.plots import plot_energies, plot_hull
from equical.workflows.search.result import Found, SearchResult

__all__ = ["SEARCH_FILES", "STRUCTURES", "write_search"]

STRUCTURES = "structures.extxyz"

SEARCH_FILES = ("rough/*.npz", "relaxed/*.npz", STRUCTURES, "ranking.csv", "search.png", "hull.png")
"""What a run leaves in its folder."""


def write_search(folder: RunFolder, result: SearchResult) -> None:
    """Write the distinct structures in the order of their rank, the table, and the plots."""
    write_structures(folder / STRUCTURES, [_labelled(one, rank) for rank, one in enumerate(result.found, 1)])
    with atomic_path(folder / "ranking.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        rows = [{"rank": rank} | one.summary() for rank, one in enumerate(result.found, 1)]
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(row | {"numbers": " ".join(map(str, row["numbers"]))} for row in rows)
    plot_energies(result, folder / "search.png")
    if len(result.settings.elements) == 2 and len(result.formulas) > 2:
        plot_hull(result, folder / "hull.png")
    else:
        (folder / "hull.png").unlink(missing_ok=True)  # of a run that is resumed


def _labelled(one: Found, rank: int) -> Atoms:
    """A copy with results, its atoms in the cell, and what it is in ``info``."""
    copy = one.atoms.copy()
    copy.wrap(eps=1e-3)
    copy.calc = SinglePointCalculator(copy, **one.atoms.calc.results)
    told = {"formula": one.formula, "above_hull": one.above_hull, "times_found": len(one.numbers)}
    copy.info = {"rank": rank, "number": one.numbers[0], "space_group": one.space_group or "unknown"} | told
    return copy
