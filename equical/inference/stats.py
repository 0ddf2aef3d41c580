"""What an evaluator did so far, and what took the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Stats"]


@dataclass
class Stats:
    """Counts since the calculator was made.

    Attributes:
        evaluations: structures evaluated.
        captures: how often static buffers were made and the step prepared for them: run through once, captured or
            compiled, depending on the execution.
        replays: evaluations in prepared buffers.
        overflows: evaluations repeated because there were more edges than the buffers had room for.
        fallbacks: 1 once the evaluator has given up on static buffers and gone over to eager execution.
        list_rebuilds: neighbour lists made; all other evaluations kept the list of the one before.
        atom_fill: how full of atoms the buffers were, the mean over replays; what is missing to 1 is padding.
        edge_fill: the same for edges.
        seconds: time spent in each stage, in total. Stages are ``neighbors``, ``inputs`` (to the device), ``network``
            (and waiting for it), ``capture``, and ``check`` (comparing what was captured with eager execution).
    """

    evaluations: int = 0
    captures: int = 0
    replays: int = 0
    overflows: int = 0
    fallbacks: int = 0
    list_rebuilds: int = 0
    atom_fill: float = 0.0
    edge_fill: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time in the block towards a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def replayed(self, atom_fill: float, edge_fill: float) -> None:
        """Count a replay in buffers filled like this."""
        self.replays += 1
        self.atom_fill += (atom_fill - self.atom_fill) / self.replays
        self.edge_fill += (edge_fill - self.edge_fill) / self.replays
