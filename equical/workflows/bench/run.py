"""How fast a model is on this machine: time and memory of a step against the number of atoms."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from operator import not_
from os import PathLike
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states

from equical.calculator import EquiCalc
from equical.catalogue import AUTO, named_model
from equical.errors import InputError
from equical.workflows.bench.files import BENCH_FILES, write_bench
from equical.workflows.bench.machine import device_name
from equical.workflows.bench.measure import WARM_UP, measure
from equical.workflows.bench.result import BenchResult, BenchRow, BenchSkip
from equical.workflows.bench.settings import SIZES, BenchSettings
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import check_structure
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.parts import Parts
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.surroundings import surroundings_kept

__all__ = ["bench"]


@formerly(quiet=("progress", not_))
@surroundings_kept()
def bench(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    model: str | PathLike[str] = AUTO,
    structure: Atoms | None = None,
    *,
    device: str = "auto",
    dtype: str = "float32",
    sizes: Sequence[int] = SIZES,
    executions: Sequence[str] = ("auto",),
    timestep: float = 1.0,
    steps: int = 10,
    time_limit: float = 300.0,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> BenchResult:
    """Measure the cost of steps as molecular dynamics takes them, for several sizes and executions.

    Executions take turns step by step, so that a machine that is busy at times is unfair to none of them. Close other
    programs nevertheless.

    Args:
        model: name of a shipped model, or its folder; ``"auto"`` is the one made for the structure, and without one
            the one that knows the most elements.
        structure: repeated to each of the sizes; by default the crystal of an element the model covers.
        device: as for :class:`~equical.calculator.EquiCalc`.
        dtype: as for :class:`~equical.calculator.EquiCalc`.
        sizes: numbers of atoms; the structure is repeated along its shortest direction until it has that many.
        executions: names of executions.
        timestep: fs.
        steps: counted for each size and execution.
        time_limit: s that one execution may take for one size, preparation included. Where it has measured no step by
            then, it is skipped there and for larger sizes, and a warning says so.
        output: folder for ``result.json`` and ``bench.png``; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run on the same machine; sizes that were measured are not measured again.
        progress: show a progress bar.

    Raises:
        InputError: settings out of range, or no structure that fits the model.
    """
    began = time.perf_counter()
    settings = BenchSettings(tuple(sizes), tuple(executions), timestep, steps, time_limit)
    with RunFolder(output, BENCH_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        model = named_model(model, [] if structure is None else [structure])
        first = EquiCalc(model, device=device, dtype=dtype, execution="eager")
        make = partial(EquiCalc, first.checkpoint, device, dtype)
        for name in settings.executions:  # one that this device does not have is refused before anything is removed
            make(name)
        unit = _default_structure(first) if structure is None else structure
        check_structure(unit)
        cells = {len(cell): cell for cell in (_supercell(unit, size) for size in sorted(settings.sizes))}
        first.get_potential_energy(unit)  # and so is what the model does not cover
        machine = device_name(torch.device(first.parameters["device"]))
        threads = 0 if first.parameters["device"].startswith("cuda") else torch.get_num_threads()
        folder.begin("bench", settings, first, unit, machine=machine, threads=threads)
        parts = Parts(folder)
        rows: list[BenchRow] = []
        skipped: list[BenchSkip] = []
        total = len(cells) * len(settings.executions) * (WARM_UP + steps)
        with progress_bar(None, "bench", "steps", show=progress, total=total) as bar:
            for size, atoms in cells.items():
                slow = {skip.execution for skip in skipped}
                names = [name for name in settings.executions if name not in slow]
                skipped += [BenchSkip(name, size, "too slow at fewer atoms") for name in sorted(slow)]
                found = parts.get(str(size), partial(_measured, atoms, make, names, settings, bar))
                rows += [BenchRow(**row) for row in found["rows"]]
                skipped += [BenchSkip(**skip) for skip in found["skipped"]]
                bar.update((len(rows) + len(skipped)) * (WARM_UP + steps) - bar.n)
        _tell(rows, skipped, settings)
        result = BenchResult(
            rows=tuple(rows),
            skipped=tuple(skipped),
            formula=unit.get_chemical_formula(empirical=True),
            device=machine,
            threads=threads,
            settings=settings,
            converged=not skipped and all(len(row.step_times) == steps and not row.gave_up for row in rows),
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_bench(folder, result)
            folder.finish(result, first)
    return result


def _measured(
    atoms: Atoms, make: Callable[[str], EquiCalc], names: Sequence[str], settings: BenchSettings, bar: Any
) -> dict[str, Any]:
    """What was found at one size."""
    rows: list[BenchRow] = []
    skipped: list[BenchSkip] = []
    for trial in measure(atoms, {name: make(name) for name in names}, settings, bar):
        if trial.times:
            rows.append(trial.row(atoms, settings.timestep))
        else:
            reason = f"nothing measured in {settings.time_limit:g} s"
            skipped.append(BenchSkip(trial.execution, len(atoms), reason))
    return {"rows": [asdict(row) for row in rows], "skipped": [asdict(skip) for skip in skipped]}


def _tell(rows: Sequence[BenchRow], skipped: Sequence[BenchSkip], settings: BenchSettings) -> None:
    """Warn of what was cut short, and of what was skipped, once for each execution."""
    for row in rows:
        if len(row.step_times) < settings.steps:
            done = f"{len(row.step_times)} of {settings.steps} steps"
            warn(f"{row.execution} at {row.num_atoms} atoms: time was up after {done} (--time-limit)")
    for execution in dict.fromkeys(skip.execution for skip in skipped):
        sizes = ", ".join(str(skip.num_atoms) for skip in skipped if skip.execution == execution)
        warn(f"{execution} skipped at {sizes} atoms: no step within {settings.time_limit:g} s (--time-limit)")


def _default_structure(calculator: EquiCalc) -> Atoms:
    """The crystal of copper or, for a model without it, of another element."""
    simple = ("fcc", "bcc", "diamond")
    for symbol in sorted(calculator.elements, key=lambda symbol: (symbol != "Cu", atomic_numbers[symbol])):
        state = reference_states[atomic_numbers[symbol]]
        if state is not None and state["symmetry"] in simple:
            return bulk(symbol, cubic=True)
    raise InputError("the model covers no element that ASE knows a cubic crystal of; give a structure")


def _supercell(unit: Atoms, size: int) -> Atoms:
    """Repeated along its shortest periodic direction, again and again, until it has ``size`` atoms or more."""
    repeats = np.ones(3, dtype=int)
    periodic = np.flatnonzero(unit.pbc)
    if len(unit) < size and not len(periodic):
        raise InputError(f"a structure of {len(unit)} atoms without periodicity cannot be repeated to {size} atoms")
    while len(unit) * repeats.prod() < size:
        lengths = repeats * unit.cell.lengths()
        repeats[periodic[lengths[periodic].argmin()]] += 1
    atoms = unit.repeat(tuple(repeats))
    atoms.calc = None
    return atoms
