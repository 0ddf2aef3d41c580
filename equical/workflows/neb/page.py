"""A path on a page: its images, each with its energy."""

from __future__ import annotations

from equical.html import Column, Link, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.neb.files import BAND

__all__ = ["page"]


def page(run: FinishedRun) -> Page:
    """Of a nudged elastic band."""
    band, highest = run.structures(BAND), run.result["highest_image"]
    lengths, energies = run.result["lengths"], run.result["energies"]
    rows = [
        (number, length, energy - energies[0], _remark(number, highest, run))
        for number, (length, energy) in enumerate(zip(lengths, energies, strict=True))
    ]
    columns = [Column("image"), Column("path", "Å", 3), Column("energy", "eV", 4, "above image 0"), Column("remark")]
    whole = len(band) == len(rows)
    links = [Link("path", number) for number in range(len(rows))] if whole else ()
    return run.page(
        f"Path of {run.result.get('structure')}",
        facts=run.facts("barrier", "reverse_barrier", "reaction_energy", "max_force", "steps"),
        tables=[Table("Images", columns, rows, links)],
        structures=[Structure("path", band, BAND, [f"image {row[0]}" for row in rows])] if whole else [],
        first=Link("path", highest) if whole else None,
    )


def _remark(number: int, highest: int, run: FinishedRun) -> str:
    if number != highest or not run.result["has_saddle"]:
        return ""
    return "climbing" if run.result["climbing"] else "highest"
