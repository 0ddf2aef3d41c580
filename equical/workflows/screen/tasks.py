"""What a worker does: relax one structure with a calculator of its own."""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ase import Atoms

from equical.workflows.adsorption.relaxer import CalculationError, Relaxed, Relaxer
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder

__all__ = ["Finished", "Task", "relax_task"]


@dataclass(frozen=True)
class Task:
    """A relaxation to be done somewhere.

    Attributes:
        key: unique in the run.
        kind: such as ``"slab"``.
        start: constraints are kept.
        options: of :func:`equical.relax`.
        urgent: whether others wait for it.
    """

    key: str
    kind: str
    start: Atoms = field(repr=False)
    options: Mapping[str, Any]
    urgent: bool


@dataclass(frozen=True)
class Finished:
    """What came of a task.

    Attributes:
        key: of the task.
        relaxed: None where it failed.
        error: why it did.
        seconds: that it took.
    """

    key: str
    relaxed: Relaxed | None
    error: str = ""
    seconds: float = 0.0


def relax_task(maker: bytes, task: Task) -> Finished:
    """Relax the start of a task.

    Args:
        maker: a pickled function without arguments that makes the calculator; called once in each process.
        task: what to do.

    Raises:
        Exception: whatever the making of a calculator raises. What a calculator raises later is no exception here: it
            is what came of the task.
    """
    return Context().run(_relax, _relaxer(maker), task)  # notes are for the run that asks for them


def _relax(relaxer: Relaxer, task: Task) -> Finished:
    began = time.perf_counter()
    relaxed, error = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            relaxed = relaxer(task.key, task.start, **task.options)
        except CalculationError as complaint:
            error = str(complaint)
    return Finished(task.key, relaxed, error, time.perf_counter() - began)


@lru_cache(maxsize=1)
def _relaxer(maker: bytes) -> Relaxer:
    calculator = pickle.loads(maker)()
    # The limits come with each task.
    return Relaxer(calculator, Evaluations(RunFolder(None, ()), "steps", calculator), fmax=0.0, steps=0)
