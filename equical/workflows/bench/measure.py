"""Take steps as molecular dynamics takes them, with several executions in turn, and see what they cost."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase import Atoms, units

from equical.inference.memory import PeakMemory
from equical.workflows.bench.deadline import OutOfTime, interrupted_after
from equical.workflows.bench.result import STAGES, BenchRow
from equical.workflows.common.notes import warn

if TYPE_CHECKING:
    from equical.calculator import EquiCalc
    from equical.inference.stats import Stats
    from equical.workflows.bench.settings import BenchSettings

__all__ = ["WARM_UP", "Trial", "measure"]

TEMPERATURE = 300.0
"""K, of the velocities with which atoms move between steps: neighbour lists last as long as in a simulation."""

WARM_UP = 3
"""Steps that are not counted: first captures, and what libraries do once."""

FALLBACK = ".* is given up for eager execution"
"""How a static evaluator says that it gives up."""


@dataclass
class Trial:
    """One execution at one size.

    Attributes:
        execution: its name.
        calculator: that has it.
        spent: s, on all evaluations.
        times: s, of the steps that count.
        before: what the calculator had done before these.
        after: what it had done after the last of them.
        out_of_time: whether it had to be stopped.
    """

    execution: str
    calculator: EquiCalc
    spent: float = 0.0
    times: list[float] = field(default_factory=list)
    before: Stats | None = None
    after: Stats | None = None
    out_of_time: bool = False

    def step(self, atoms: Atoms, count: bool, time_limit: float) -> None:
        """Evaluate a structure within what is left of the time."""
        if count and self.before is None:
            self.before = self.calculator.stats
        began = time.perf_counter()
        try:
            with _fallback_noted(), interrupted_after(time_limit - self.spent):
                seconds = _timed(self.calculator, atoms)
            if count:
                self.times.append(seconds)
                self.after = self.calculator.stats
        except OutOfTime:
            self.out_of_time = True
        self.spent += time.perf_counter() - began
        self.out_of_time |= self.spent >= time_limit

    def row(self, atoms: Atoms, timestep: float) -> BenchRow:
        """What its steps have cost."""
        before, after, total, median = self.before, self.after, sum(self.times), float(np.median(self.times))
        assert before is not None and after is not None
        spent = {stage: after.seconds.get(stage, 0.0) - before.seconds.get(stage, 0.0) for stage in STAGES[:-1]}
        shares = {stage: seconds / total for stage, seconds in spent.items()}
        return BenchRow(
            execution=self.execution,
            num_atoms=len(atoms),
            num_edges=self.calculator.checkpoint.potential.graph(atoms).num_edges,
            step_time=median,
            step_times=tuple(self.times),
            atom_time=median / len(atoms),
            atoms_per_second=len(atoms) / median,
            ns_per_day=timestep * 1e-6 * 86400 / median,
            peak_memory=None if self.out_of_time else _peak_memory(self.calculator, atoms, self.execution),
            shares=shares | {"other": 1 - sum(shares.values())},
            list_rebuilds=after.list_rebuilds - before.list_rebuilds,
            fill=after.edge_fill if after.replays else None,
            gave_up=after.fallbacks > 0,
        )


def measure(atoms: Atoms, calculators: Mapping[str, EquiCalc], settings: BenchSettings, bar: Any) -> list[Trial]:
    """Let atoms fly at the speeds of ``TEMPERATURE``, and evaluate every step with every calculator.

    Args:
        atoms: moved.
        calculators: by execution.
        settings: time step, number of steps and limit of time.
        bar: progress, moved on by each evaluation.
    """
    rng = np.random.default_rng(0)
    atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
    speed = np.sqrt(units.kB * TEMPERATURE / atoms.get_masses())[:, None]
    flight = rng.normal(0, 1, atoms.positions.shape) * speed * settings.timestep * units.fs
    trials = [Trial(name, calculator) for name, calculator in calculators.items()]
    for step in range(WARM_UP + settings.steps):
        atoms.positions += flight
        for trial in trials:
            if not trial.out_of_time:
                doing = "measuring" if step else f"preparing, for {settings.time_limit:g} s at most"
                bar.set_postfix_str(f"{len(atoms)} atoms, {trial.execution}: {doing}", refresh=step == 0)
                trial.step(atoms, step >= WARM_UP, settings.time_limit)
            bar.update()
    return trials


@contextmanager
def _fallback_noted() -> Iterator[None]:
    """Let the result keep what an evaluator has to say when it goes over to eager execution."""
    with warnings.catch_warnings(record=True) as given:
        warnings.filterwarnings("always", FALLBACK, RuntimeWarning)
        yield
    for one in given:
        if issubclass(one.category, RuntimeWarning) and re.match(FALLBACK, str(one.message)):
            warn(str(one.message))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _timed(calculator: EquiCalc, atoms: Atoms) -> float:
    wanted = ["energy", "forces"]
    if "stress" in calculator.implemented_properties and atoms.cell.rank == 3:
        wanted.append("stress")
    start = time.perf_counter()
    calculator.calculate(atoms, wanted)
    return time.perf_counter() - start


def _peak_memory(calculator: EquiCalc, atoms: Atoms, execution: str) -> int | None:
    """Bytes of tensors in one more step."""
    device = calculator.evaluator.potential.reference_energies.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        _timed(calculator, atoms)
        return int(torch.cuda.max_memory_allocated(device))
    if execution == "compile":  # a compiled function does not tell what it allocates
        return None
    with PeakMemory() as used:
        _timed(calculator, atoms)
    return used.peak
