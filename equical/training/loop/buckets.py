"""Sizes of the buffers that batches are padded to: few, close to what the batches of a run need, the same in every run.

They are read off the first plan of a stage and nothing else, so that a resumed run pads each batch as one that was
never interrupted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log
from typing import Self

from equical.inference.buckets import ATOM_STEP, EDGE_STEP, GROWTH, round_up
from equical.training.data.batching import TrainingBatch
from equical.training.data.samples import Sample

__all__ = ["MOST_PLANNED", "BatchSize", "Buckets"]

MOST_PLANNED = 4
"""Sizes made for the batches of a stage: GROWTH apart in edges, the smallest for everything below."""

HEADROOM = 1.05
"""Batches of later passes are dealt anew, and DeNS moves atoms in and out of the cutoff."""

STRUCTURE_STEP = 4
"""Structures of batches that fit no planned size are counted in multiples of this."""


@dataclass(frozen=True)
class BatchSize:
    """Atoms, edges and structures of a batch, or of the buffers for one."""

    atoms: int
    edges: int
    structures: int

    @classmethod
    def of(cls, batch: TrainingBatch) -> Self:
        """What a batch has."""
        return cls(batch.graph.num_atoms, batch.graph.num_edges, batch.graph.num_structures)

    @classmethod
    def of_samples(cls, samples: Sequence[Sample]) -> Self:
        """What these have together."""
        graphs = [sample.graph for sample in samples]
        return cls(sum(graph.num_atoms for graph in graphs), sum(graph.num_edges for graph in graphs), len(graphs))

    def holds(self, other: BatchSize) -> bool:
        """Whether buffers of this size take that batch and padding: a structure or more, an atom for each of them."""
        spare = self.structures - other.structures
        return spare >= 1 and self.atoms - other.atoms >= spare and self.edges >= other.edges


class Buckets:
    """The sizes for the batches of a stage.

    Args:
        sizes: of the batches of its first pass over the data.

    Attributes:
        planned: at most MOST_PLANNED sizes, those with the fewest edges first. Batches of later passes that fit none
            get the next of a series of sizes that grow by GROWTH, which the budget of a batch brings to an end.
    """

    def __init__(self, sizes: Iterable[BatchSize]):
        sizes = list(sizes)
        most = max(max(size.edges, 1) for size in sizes)
        levels: dict[int, list[BatchSize]] = defaultdict(list)
        for size in sizes:
            level = int(log(most / max(size.edges, 1)) / log(GROWTH))
            levels[min(level, MOST_PLANNED - 1)].append(size)
        self.planned = [_around(levels[level]) for level in sorted(levels, reverse=True)]

    def holding(self, size: BatchSize) -> BatchSize:
        """The smallest planned buffers for a batch, or else some that are larger than all of them."""
        for planned in self.planned:
            if planned.holds(size):
                return planned
        structures = round_up(size.structures + 1, STRUCTURE_STEP)
        atoms = round_up(size.atoms + structures - size.structures, ATOM_STEP)
        return BatchSize(atoms, round_up(size.edges, EDGE_STEP), structures)


def _around(sizes: Sequence[BatchSize]) -> BatchSize:
    """Buffers that hold each of these and batches a little larger."""
    structures = max(size.structures for size in sizes) + 1
    atoms = max(size.atoms + structures - size.structures for size in sizes)
    edges = max(size.edges for size in sizes)
    return BatchSize(_with_headroom(atoms, ATOM_STEP), _with_headroom(edges, EDGE_STEP), structures)


def _with_headroom(count: int, step: int) -> int:
    return max(ceil(count * HEADROOM / step), 1) * step
