"""An adsorption run on a page: each configuration as it was placed and as it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equical.html import Column, Fact, Link, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.common.suitability import OUTSIDE

__all__ = ["page"]

NUMBERS = {
    "adsorption_energy": Column("E_ads", "eV", 3, "per adsorbate, negative where adsorption is exothermic"),
    "height": Column("height", "Å", 2, "of the binding atoms above the site"),
    "shortest_bond": Column("bond", "Å", 2, "the shortest one between adsorbate and slab"),
    "max_force": Column("force", "eV/Å", 3, "the largest one left"),
    "steps": Column("steps"),
}
"""Entries of a configuration, and their columns."""


def page(run: FinishedRun) -> Page:
    """Of an adsorbate on the sites of a slab."""
    result, configurations = run.result, run.result["configurations"]
    structures = _configurations(run)
    ends = {one.name: Link(one.name, len(one.images) - 1) for one in structures}
    best = ends.get(result["best"] or "")
    columns = [
        Column("configuration"),
        Column("rank"),
        *NUMBERS.values(),
        Column("ended at"),
        Column("remarks"),
    ]
    rows = [
        (one["name"], one["rank"], *(one[name] for name in NUMBERS), one["final_site"], _remarks(one))
        for one in configurations
    ]
    others = [Structure("bare slab", atoms, "slab.extxyz") for atoms in run.structures("slab.extxyz")[:1]]
    references = zip(result["references"], run.structures("references.extxyz"), strict=False)
    others += [Structure(f"{about['name']} (gas)", atoms, "references.extxyz") for about, atoms in references]
    return run.page(
        f"{result['adsorbate']} on {result['slab']['formula']}",
        facts=[*_facts(run, best), Fact("reference", result["equation"])],
        tables=[Table("Configurations", columns, rows, [ends.get(one["name"]) for one in configurations])],
        structures=[*structures, *others],
        first=best,
    )


def _configurations(run: FinishedRun) -> list[Structure]:
    """Each as placed and as relaxed."""
    relaxed = {str(atoms.info.get("configuration")): atoms for atoms in run.structures("configurations.extxyz")}
    placed = {str(atoms.info.get("configuration")): atoms for atoms in run.structures("starts.extxyz")}
    found = []
    for one in run.result["configurations"]:
        frames = {"as placed": placed.get(one["name"]), "relaxed": relaxed.get(one["name"])}
        there = {label: atoms for label, atoms in frames.items() if atoms is not None}
        if there:
            found.append(Structure(one["name"], list(there.values()), "configurations.extxyz", list(there)))
    return found


def _facts(run: FinishedRun, link: Link | None) -> list[Fact]:
    best = next((one for one in run.result["configurations"] if one["name"] == run.result.get("best")), None)
    slab = Fact("slab energy", run.result["slab"]["slab_energy"], "eV")
    if best is None:
        return [Fact("most stable", "none without anomalies"), slab]
    return [
        Fact("most stable", best["name"], link=link),
        Fact("adsorption energy", round(best["adsorption_energy"], 3), "eV", note="per adsorbate"),
        slab,
    ]


def _remarks(configuration: Mapping[str, Any]) -> str:
    """Anomalies, the reason of a failure, and why the model may know nothing of it."""
    failed = {"failed": f"failed: {configuration['error']}"}
    remarks = [failed.get(anomaly, anomaly) for anomaly in configuration["anomalies"]]
    if reason := configuration.get("outside"):  # runs of earlier versions do not tell
        remarks.append(f"{OUTSIDE}: {reason}")
    return ", ".join(remarks)
