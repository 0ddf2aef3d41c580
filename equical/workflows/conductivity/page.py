"""Thermal conductivity on a page."""

from __future__ import annotations

from equical.html import Column, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]


FACTS = (
    "method", "isotopes", "mesh_numbers", "mesh_numbers_coarser", "space_group", "max_frequency", "third_order_width",
)  # fmt: skip


def page(run: FinishedRun) -> Page:
    """Of the thermal conductivity of a crystal."""
    result, atoms = run.result, run.structures("structure.extxyz")[:1]
    tensors = result["kappa"]
    columns = [run.column("temperatures", "temperature"), run.column("kappa_mean", "mean", 3)]
    columns += [Column(name, "W/m/K", 3) for name in ("xx", "yy", "zz", "yz", "xz", "xy")]
    rows: list[tuple[float, ...]] = [
        (kelvin, mean, t[0][0], t[1][1], t[2][2], t[1][2], t[0][2], t[0][1])
        for kelvin, mean, t in zip(result["temperatures"], result["kappa_mean"], tensors, strict=True)
    ]
    if result["kappa_mean_coarser"] is not None:
        columns.append(run.column("kappa_mean_coarser", "mean, coarser mesh", 3))
        rows = [(*row, value) for row, value in zip(rows, result["kappa_mean_coarser"], strict=True)]
    return run.page(
        f"Thermal conductivity of {atoms[0].get_chemical_formula(empirical=True)}" if atoms else "Conductivity",
        facts=run.facts(*FACTS),
        tables=[Table("Conductivity", columns, rows)],
        structures=[Structure("crystal", one, "structure.extxyz") for one in atoms],
    )
