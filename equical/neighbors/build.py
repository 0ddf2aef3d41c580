"""Neighbour lists: every pair of atoms, periodic images included, closer than the cutoff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equical.errors import InputError
from equical.neighbors.backends import BACKENDS, Floats, FoundPairs, Integers
from equical.neighbors.cells import complete_cell, heights, reduce_cell

__all__ = ["COINCIDENT", "FARTHEST", "NeighborList", "neighbor_list", "pairs_within"]

COINCIDENT = 1e-3
"""Two atoms closer than this (Å) are taken for a mistake in the input."""

MOST_IMAGES = 1e6
"""A cell with more images of itself within the cutoff than this is a mistake in the input: nm for Å, say."""

FARTHEST = 1e9
"""Coordinates beyond this (Å) have too few digits left to tell neighbours apart."""


@dataclass(frozen=True)
class NeighborList:
    """Directed edges j → i, sorted by receiver, then sender, then shift; every pair appears in both directions.

    The vector of an edge is ``positions[sender] + shift @ cell - positions[receiver]``. This holds for the positions
    as they were given, wherever they lie with respect to the cell.

    Attributes:
        receiver: ``[E]`` int64, ascending.
        sender: ``[E]`` int64.
        shift: ``[E, 3]`` int64, lattice vectors added to the sender; zero along non-periodic directions.
    """

    receiver: Integers
    sender: Integers
    shift: Integers

    def __len__(self) -> int:
        return len(self.receiver)


def neighbor_list(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, cutoff: float, *, backend: str = "vesin"
) -> NeighborList:
    """All pairs of atoms closer than ``cutoff``, for any cell.

    Small cells (an atom may be its own neighbour, many times over), skewed and left-handed ones, any mix of periodic
    and open directions, no cell at all, and atoms far outside the cell are all complete. Lattice vectors along open
    directions do not matter.

    Args:
        positions: ``[N, 3]`` Å.
        cell: ``[3, 3]`` Å, rows are lattice vectors.
        pbc: ``[3]`` bool, periodicity along each lattice vector.
        cutoff: Å.
        backend: ``"vesin"``, or ``"torch-cluster"`` (an optional package; no periodic directions).

    Raises:
        InputError: for positions or lattice vectors that are not finite, periodic lattice vectors that span no
            volume, coincident atoms, or a backend that does not exist or cannot do this.
    """
    receiver, sender, shift, distance = pairs_within(positions, cell, pbc, cutoff, backend=backend)
    _refuse_coincident(receiver, sender, shift, distance)
    return _sorted(receiver, sender, shift, len(np.asarray(positions)))


def pairs_within(
    positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike, cutoff: float, *, backend: str = "vesin"
) -> FoundPairs:
    """The pairs of :func:`neighbor_list`, atoms that coincide among them, with their distances and in any order.

    Returns:
        receiver, sender, shift, and distance (Å), the first three as in :class:`NeighborList`.

    Raises:
        InputError: as :func:`neighbor_list`, but not for coincident atoms.
    """
    if backend not in BACKENDS:
        raise InputError(f"Unknown neighbour list backend {backend!r}; choose one of {', '.join(BACKENDS)}.")
    if not (np.isfinite(cutoff) and cutoff > 0):
        raise InputError(f"The cutoff must be a positive length in Å, not {cutoff}.")
    points = _checked_positions(positions)
    periodic = np.array(np.broadcast_to(np.asarray(pbc, dtype=bool), 3))
    lattice = complete_cell(np.asarray(cell, dtype=np.float64), periodic)
    lattice, operation = reduce_cell(lattice, periodic)
    _refuse_crushed(lattice, periodic, cutoff)
    receiver, sender, shift, distance = BACKENDS[backend](points, lattice, periodic, cutoff)
    if (operation != np.eye(3)).any():
        shift = shift @ operation
    return receiver, sender, shift, distance


def _checked_positions(positions: ArrayLike) -> Floats:
    points = np.ascontiguousarray(positions, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"Positions must have the shape [N, 3], not {list(points.shape)}.")
    bad = np.flatnonzero(~(np.abs(points) < FARTHEST).all(axis=1))  # true of NaN too
    if len(bad):
        x, y, z = points[bad[0]]
        raise InputError(
            f"Atom {bad[0]} has the position ({x:g}, {y:g}, {z:g}): positions must be finite and below {FARTHEST:g} Å"
            f" ({len(bad)} of {len(points)} atoms are affected)."
        )
    return points


def _refuse_crushed(cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> None:
    images = np.prod(1 + 2 * cutoff / heights(cell)[periodic])
    if images > MOST_IMAGES:
        raise InputError(
            f"The periodic cell is too thin: about {images:.0e} images of it lie within the cutoff of {cutoff:g} Å;"
            " check that the cell is in Å."
        )


def _refuse_coincident(receiver: Integers, sender: Integers, shift: Integers, distance: Floats) -> None:
    if not len(distance) or distance.min() >= COINCIDENT:
        return
    closest = distance.argmin()
    i, j, image = receiver[closest], sender[closest], shift[closest]
    where = f" (image {tuple(image.tolist())})" if image.any() else ""
    raise InputError(
        f"Atoms {i} and {j}{where} coincide: they are {distance[closest]:.1e} Å apart, closer than {COINCIDENT:g} Å;"
        " remove one of them or correct its position."
    )


def _sorted(receiver: Integers, sender: Integers, shift: Integers, num_atoms: int) -> NeighborList:
    """The list sorted by receiver, sender and shift."""
    if not len(receiver):
        return NeighborList(receiver, sender, shift)
    columns = [receiver, sender, *shift.T]
    lowest = [0, 0, *(int(column.min()) for column in shift.T)]  # by columns: ten times as fast as along an axis
    highest = [num_atoms - 1, num_atoms - 1, *(int(column.max()) for column in shift.T)]
    bits = [max((high - low).bit_length(), 1) for low, high in zip(lowest, highest, strict=True)]
    if sum(bits) > 63:
        order = np.lexsort(columns[::-1])
        return NeighborList(receiver[order], sender[order], shift[order])
    # Sorting single numbers that hold all five is several times faster. Every array more would cost as much as a sort:
    # memory that is new has to be mapped first.
    key = np.zeros(len(receiver), dtype=np.int64)
    for column, low, width in zip(columns, lowest, bits, strict=True):
        key <<= width
        key += column
        key -= low
    key.sort(kind="stable")  # which makes use of runs that are in order already, as vesin returns them
    shifts = np.empty((len(key), 3), dtype=np.int64)
    digits = np.empty_like(key)
    for axis in (2, 1, 0):
        np.bitwise_and(key, (1 << bits[2 + axis]) - 1, out=digits)
        np.add(digits, lowest[2 + axis], out=shifts[:, axis])
        key >>= bits[2 + axis]
    np.bitwise_and(key, (1 << bits[1]) - 1, out=digits)
    key >>= bits[1]
    return NeighborList(key, digits, shifts)
