"""An equation of state on a page: the crystal at every volume."""

from __future__ import annotations

from equical.html import Link, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]


def page(run: FinishedRun) -> Page:
    """Of a scan of volumes."""
    scan, volumes, energies = run.structures("scan.extxyz"), run.result["volumes"], run.result["energies"]
    whole = len(scan) == len(volumes)
    labels = [f"{volume:.2f} Å³" for volume in volumes]
    columns = [run.column("volumes", "volume", 4), run.column("energies", "energy", 5)]
    links = [Link("scan", number) for number in range(len(volumes))] if whole else ()
    found = [
        Structure("equilibrium", atoms, "equilibrium.extxyz") for atoms in run.structures("equilibrium.extxyz")[:1]
    ]
    formula = scan[0].get_chemical_formula() if scan else ""
    return run.page(
        f"Equation of state of {formula}" if formula else "Equation of state",
        facts=run.facts("form", "volume", "energy", "bulk_modulus", "bulk_modulus_derivative", "rms_residual"),
        tables=[Table("Scan", columns, list(zip(volumes, energies, strict=True)), links)],
        structures=[*found, *([Structure("scan", scan, "scan.extxyz", labels)] if whole else [])],
    )
