"""A relaxation on a page: every step, and what the atoms did."""

from __future__ import annotations

from itertools import count

from ase import units

from equical.html import Column, Link, Page, Structure, Table
from equical.workflows.common.finished import FinishedRun
from equical.workflows.relax.files import TRAJECTORY

__all__ = ["page"]


def page(run: FinishedRun) -> Page:
    """Of a relaxation of one or of many structures."""
    return _of_many(run) if "structures" in run.result else _of_one(run)


def _of_one(run: FinishedRun) -> Page:
    numbers, frames = run.trajectory(TRAJECTORY)
    name, links = "relaxation", [Link("relaxation", place) for place in range(len(frames))]
    columns = [Column("step"), run.column("energy", decimals=5), run.column("max_force", decimals=5)]
    rows: list[list[float]] = [
        [step, frame.get_potential_energy(), float((frame.get_forces() ** 2).sum(axis=1).max(initial=0) ** 0.5)]
        for step, frame in zip(numbers, frames, strict=True)
    ]
    if run.result.get("max_stress") is not None:  # the cell was relaxed
        columns.append(run.column("pressure", decimals=3))
        for row, frame in zip(rows, frames, strict=True):
            row.append(-float(frame.get_stress(apply_constraint=False)[:3].mean() / units.GPa))
    labels = [f"step {step}" for step in numbers]
    facts = run.facts("energy", "max_force", "max_stress", "steps", "space_group_before", "space_group_after", "volume")
    return run.page(
        f"Relaxation of {run.result.get('structure')}",
        facts=facts,
        tables=[Table("Steps", columns, rows, links)] if frames else [],
        structures=[Structure(name, frames, TRAJECTORY, labels)] if frames else [],
        first=links[-1] if links else None,
    )


def _of_many(run: FinishedRun) -> Page:
    """Of those that were relaxed, the structures lie in one file, in order."""
    outcomes = run.result["structures"]
    relaxed = run.structures("relaxed.extxyz")
    place, names = count(), []
    for outcome in outcomes:
        there = "error" not in outcome and next(place) < len(relaxed)
        names.append(f"{outcome.get('folder')}: {outcome.get('structure')}" if there else None)
    columns = [
        Column("folder"),
        Column("structure"),
        Column("converged"),
        run.column("energy_per_atom", decimals=4),
        run.column("max_force", decimals=4),
        Column("steps"),
        Column("space group"),
        Column("error"),
    ]
    keys = ["folder", "structure", "converged", "energy_per_atom", "max_force", "steps", "space_group_after", "error"]
    rows = [[outcome.get(key) for key in keys] for outcome in outcomes]
    present = [name for name in names if name is not None]
    return run.page(
        f"Relaxation of {len(outcomes)} structures",
        facts=run.facts("num_structures", "num_converged", "num_failed"),
        tables=[Table("Structures", columns, rows, names)],
        structures=[Structure(name, atoms) for name, atoms in zip(present, relaxed, strict=False)],
    )
