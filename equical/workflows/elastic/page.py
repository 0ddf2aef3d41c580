"""Elastic constants on a page."""

from __future__ import annotations

from equical.html import Column, Fact, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]

PURE = frozenset({"poisson", "anisotropy"})
"""Moduli without a unit."""


def page(run: FinishedRun) -> Page:
    """Of the elastic tensor of a crystal."""
    result, atoms = run.result, run.structures("reference.extxyz")[:1]
    columns = [Column("C_IJ"), *(Column(str(number), "GPa", 2) for number in range(1, 7))]
    rows = [(str(number), *row) for number, row in enumerate(result["stiffness_standard"], start=1)]
    moduli = [
        Fact(name.replace("_", " "), value, "" if name in PURE else "GPa")
        for name, value in (result["moduli"] or {}).items()
    ]
    return run.page(
        f"Elastic constants of {atoms[0].get_chemical_formula()}" if atoms else "Elastic constants",
        facts=[*run.facts("stable", "space_group", "symmetry_deviation"), *moduli],
        tables=[Table("Stiffness in standard axes", columns, rows)],
        structures=[Structure("reference", one, "reference.extxyz") for one in atoms],
    )
