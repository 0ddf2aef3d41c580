"""What a worker does: relax some structures with a calculator of its own."""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.workflows.adsorption.relaxer import CalculationError, Relaxed, Relaxer
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.suitability import reason_outside

__all__ = ["Finished", "Task", "relax_tasks"]


@dataclass(frozen=True)
class Task:
    """A relaxation to be done somewhere.

    Attributes:
        key: unique in the run.
        kind: such as ``"slab"``.
        start: constraints are kept.
        fmax: eV/Å. Largest force allowed on an atom that is free to move.
        steps: the most to take.
        options: more of :func:`equical.relax`; only tasks without any can be done together.
        urgent: whether others wait for it.
    """

    key: str
    kind: str
    start: Atoms = field(repr=False)
    fmax: float
    steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    urgent: bool = False


@dataclass(frozen=True)
class Finished:
    """What came of a task.

    Attributes:
        key: of the task.
        relaxed: None where it failed.
        outside: why it lies, relaxed, outside what the model knows; None where it does not, or the calculator does not
            tell.
        error: why it did.
        seconds: that it took; an equal share where it was done together with others.
    """

    key: str
    relaxed: Relaxed | None
    error: str = ""
    seconds: float = 0.0
    outside: str | None = None


def relax_tasks(maker: bytes, tasks: Sequence[Task]) -> list[Finished]:
    """Relax the starts of tasks: side by side where there are several.

    Args:
        maker: a pickled function without arguments that makes the calculator; called once in each process.
        tasks: what to do. Several must be about fixed cells, and have the same limits.

    Raises:
        Exception: whatever the making of a calculator raises. What a calculator raises later is no exception here: it
            is what came of the task.
    """
    return Context().run(_relax, _calculator(maker), tasks)  # notes are for the run that asks for them


def _relax(calculator: BaseCalculator, tasks: Sequence[Task]) -> list[Finished]:
    began, first = time.perf_counter(), tasks[0]
    relaxer = Relaxer(calculator, Evaluations(RunFolder(None, ()), "steps", calculator), first.fmax, first.steps)
    found: dict[str, Relaxed | CalculationError]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if len(tasks) > 1:
            found = dict(relaxer.each({task.key: task.start for task in tasks}))
        else:
            try:
                found = {first.key: relaxer(first.key, first.start, **first.options)}
            except CalculationError as complaint:
                found = {first.key: complaint}
    each = (time.perf_counter() - began) / len(tasks)
    return [
        Finished(key, None, str(one), each)
        if isinstance(one, CalculationError)
        else Finished(key, one, seconds=each, outside=reason_outside(calculator, one.atoms))
        for key, one in found.items()
    ]


@lru_cache(maxsize=1)
def _calculator(maker: bytes) -> BaseCalculator:
    return pickle.loads(maker)()
