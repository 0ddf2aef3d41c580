"""A screening on a page: the most stable configuration of each adsorbate on each surface."""

from __future__ import annotations

from typing import Any

from equical.html import Column, Fact, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.common.suitability import OUTSIDE

__all__ = ["page"]

COLUMNS = [
    Column("surface"),
    Column("adsorbate"),
    Column("E_ads", "eV", 3, "per adsorbate, negative where adsorption is exothermic"),
    Column("site"),
    Column("reference"),
    Column("relaxed", note="configurations"),
    Column("anomalous", note="of these"),
]


def page(run: FinishedRun) -> Page:
    """Of many adsorbates on many surfaces."""
    result, names, links = run.result, {}, []
    rows: list[tuple[Any, ...]] = []
    for atoms in run.structures("best.extxyz"):
        names[str(atoms.info["surface"]), str(atoms.info["adsorbate"])] = atoms
    structures = {pair: Structure(f"{pair[1]} on {pair[0]}", atoms, "best.extxyz") for pair, atoms in names.items()}
    for one in result["adsorptions"]:
        shown = structures.get((one["surface"], one["adsorbate"]))
        rows.append(
            (
                one["surface"],
                one["adsorbate"],
                one["adsorption_energy"],
                one["site"],
                one["reference"],
                one["configurations"],
                one["anomalous"],
            )
        )
        links.append(shown.name if shown else None)
    columns, reasons = COLUMNS, [one.get("outside") for one in result["adsorptions"]]
    if any(reasons):
        columns = [*COLUMNS, Column(OUTSIDE)]
        rows = [(*row, reason) for row, reason in zip(rows, reasons, strict=True)]
    tables = [Table("Adsorption energies", columns, rows, links)]
    if result["failures"]:
        failed = [(one["name"], one["reason"]) for one in result["failures"]]
        tables.append(Table("Failed", [Column("calculation"), Column("reason")], failed))
    left_out = [*result["blocked"], *result["unreadable"]]
    if left_out:
        tables.append(Table("Not tried", [Column("what, and why")], [(line,) for line in left_out]))
    return run.page(
        f"{len(rows)} adsorbates on surfaces",
        facts=[Fact(f"relaxations {status}", count) for status, count in result["relaxations"].items()],
        tables=tables,
        structures=list(structures.values()),
    )
