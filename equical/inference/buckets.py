"""Sizes of static buffers: few of them, each about a quarter larger than the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

__all__ = ["Capacity", "Counts", "round_up"]

GROWTH = 1.25
"""Ratio of neighbouring sizes: what is wasted on padding, against how often buffers are made anew."""

SPARSE = 0.6
"""Buffers that are filled less than this are given up for smaller ones."""

ATOM_STEP, EDGE_STEP = 8, 64
"""Sizes are multiples of these."""


def round_up(count: int, step: int) -> int:
    """The smallest size that holds ``count``: step, and from there on GROWTH times as large, in multiples of step.

    >>> [round_up(count, 8) for count in (0, 8, 9, 30, 50, 100)]
    [8, 8, 16, 32, 64, 120]
    """
    size = step
    while size < count:
        size = max(size + step, round(size * GROWTH / step) * step)
    return size


@dataclass(frozen=True)
class Counts:
    """What a structure needs: atoms, one for padding included; candidates for edges; and edges among them."""

    atoms: int
    candidates: int
    edges: int


@dataclass(frozen=True)
class Capacity:
    """What buffers hold, in the same three sorts."""

    atoms: int
    candidates: int
    edges: int

    @classmethod
    def holding(cls, counts: Counts) -> Self:
        """The smallest capacity for these counts."""
        return cls(
            round_up(counts.atoms, ATOM_STEP),
            round_up(counts.candidates, EDGE_STEP),
            round_up(counts.edges, EDGE_STEP),
        )

    def adapted_to(self, counts: Counts) -> Capacity:
        """This capacity as long as it is neither too small nor much too large: sizes that go up and down by a little,
        as they do from step to step, stay in one bucket."""
        best = Capacity.holding(counts)
        return Capacity(
            *(
                _keep(have, want, count)
                for have, want, count in zip(_sizes(self), _sizes(best), _sizes(counts), strict=True)
            )
        )


def _keep(have: int, want: int, count: int) -> int:
    return have if want <= have and (count >= SPARSE * have or want == have) else want


def _sizes(of: Capacity | Counts) -> tuple[int, int, int]:
    return of.atoms, of.candidates, of.edges
