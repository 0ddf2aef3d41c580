"""The nearest neighbours of each atom, for published models that cap their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equical.neighbors.build import NeighborList

__all__ = ["nearest"]

SHELL = 0.01
"""Å²: squared distances this close beyond the first excluded neighbour still belong to its shell."""

RESOLUTION = 1e-6
"""Å²: squared distances that differ by less, as rounding makes them in a perfect crystal, count as equal."""


def nearest(
    neighbors: NeighborList, positions: ArrayLike, cell: ArrayLike, max_neighbors: int, *, strict: bool
) -> NeighborList:
    """Keep the nearest ``max_neighbors`` neighbours of each atom, as the published models do.

    Strict: exactly that many. A cut through a shell of equal distances must break a tie; here the smallest sender and
    then the smallest shift stay, whatever the rounding, where the published code leaves it to its sort.

    Not strict: atoms with more than ``max_neighbors`` keep all those whose squared distance is at most 0.01 Å² beyond
    that of neighbour number ``max_neighbors + 1``, so they keep at least one more than the number says.

    Args:
        neighbors: complete list within the cutoff.
        positions: ``[N, 3]`` Å.
        cell: ``[3, 3]`` Å.
        max_neighbors: cap on the number of neighbours of each atom.
        strict: which rule.
    """
    receiver, sender, shift = neighbors.receiver, neighbors.sender, neighbors.shift
    count = np.bincount(receiver) if len(receiver) else np.zeros(1, dtype=np.int64)
    if count.max() <= max_neighbors:
        return neighbors
    points = np.asarray(positions, dtype=np.float64)
    vectors = points[sender] + shift @ np.asarray(cell, dtype=np.float64) - points[receiver]
    squared = (vectors**2).sum(axis=1)
    # The list is sorted by receiver, sender, shift; a stable sort keeps that order among equal distances.
    key = _merge_ties(squared, receiver) if strict else squared
    order = np.lexsort((key, receiver))
    first = np.cumsum(count) - count
    rank = np.empty(len(receiver), dtype=np.int64)
    rank[order] = np.arange(len(receiver)) - first[receiver[order]]
    if strict:
        keep = rank < max_neighbors
    else:
        limit = np.full(len(count), np.inf)
        last = rank == max_neighbors
        limit[receiver[last]] = squared[last] + SHELL
        keep = squared <= limit[receiver]
    return NeighborList(receiver[keep], sender[keep], shift[keep])


def _merge_ties(squared: NDArray[np.float64], receiver: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rank of each squared distance among those of the same receiver; equal ones share a rank."""
    order = np.lexsort((squared, receiver))
    step = np.ones(len(order), dtype=bool)
    step[1:] = (np.diff(squared[order]) > RESOLUTION) | (np.diff(receiver[order]) > 0)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(step)
    return rank
