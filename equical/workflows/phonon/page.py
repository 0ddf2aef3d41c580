"""Phonons on a page: what is soft, and thermal properties."""

from __future__ import annotations

from equical.html import Column, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]

THERMAL = {"temperatures": "temperature", "free_energy": "", "entropy": "", "heat_capacity": ""}
"""Lists in the result that make a table, and what to call those that have another name in it."""


def page(run: FinishedRun) -> Page:
    """Of the phonons of a crystal."""
    result, atoms = run.result, run.structures("structure.extxyz")[:1]
    soft = [(", ".join(f"{x:.4g}" for x in mode["q"]), mode["frequency"]) for mode in result["imaginary_modes"]]
    q = Column("q", note="basis of the primitive cell's reciprocal vectors")
    facts = run.facts(
        "stable", "min_frequency", "max_frequency", "zero_point_energy", "space_group", "supercell_width", "max_force"
    )
    thermal = list(zip(*(result[name] for name in THERMAL), strict=True))
    columns = [run.column(name, label) for name, label in THERMAL.items()]
    return run.page(
        f"Phonons of {atoms[0].get_chemical_formula()}" if atoms else "Phonons",
        facts=facts,
        tables=[
            *([Table("Imaginary modes", [q, run.column("frequency", decimals=3)], soft)] if soft else []),
            Table("Thermal properties", columns, thermal, folded=True),
        ],
        structures=[Structure("crystal", one, "structure.extxyz") for one in atoms],
    )
