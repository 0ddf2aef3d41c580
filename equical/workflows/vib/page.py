"""Vibrations on a page: each mode swings."""

from __future__ import annotations

from ase import Atoms

from equical.html import Column, Page, Structure, Table
from equical.workflows.common.finished import MOST_POSITIONS, FinishedRun

__all__ = ["page"]

FACTS = (
    "point_group", "energy", "zero_point_energy", "thermochemistry.temperature", "thermochemistry.enthalpy",
    "thermochemistry.entropy", "thermochemistry.gibbs_energy", "max_force",
)  # fmt: skip


def page(run: FinishedRun) -> Page:
    """Of the vibrations of a molecule or an adsorbate."""
    frequencies, quanta = run.result["frequencies"], run.result["quanta"]
    periods: dict[int, list[Atoms]] = {}
    frames = run.structures("modes.extxyz")
    for frame in frames[:: 1 + sum(map(len, frames)) // MOST_POSITIONS]:
        periods.setdefault(int(frame.info["mode"]), []).append(frame)
    names = {
        mode: f"mode {mode}: {frequency:.0f} cm⁻¹"
        for mode, frequency in enumerate(frequencies, start=1)
        if mode in periods
    }
    columns = [
        Column("mode"),
        Column("frequency", "cm⁻¹", 1, "imaginary ones negative"),
        Column("quantum", "meV", 2),
        run.column("reduced_masses", "reduced mass", 3),
    ]
    masses = run.result["reduced_masses"]
    numbers = range(1, len(frequencies) + 1)
    rows = [
        (mode, frequency, 1000 * quantum, mass)
        for mode, frequency, quantum, mass in zip(numbers, frequencies, quanta, masses, strict=True)
    ]
    at_rest = [Structure("at rest", atoms, "structure.extxyz") for atoms in run.structures("structure.extxyz")[:1]]
    moving = [Structure(name, periods[mode], "modes.extxyz", loops=True) for mode, name in names.items()]
    return run.page(
        f"Vibrations of {run.result.get('structure')}",
        facts=run.facts(*FACTS),
        tables=[Table("Modes", columns, rows, [names.get(mode) for mode in numbers])],
        structures=[*at_rest, *moving],
    )
