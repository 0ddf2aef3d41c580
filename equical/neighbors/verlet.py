"""Neighbour lists that are kept while atoms move, for as long as they provably hold every pair.

The list is made with a radius somewhat larger than the cutoff, cutoff + skin. Let R⁰ and H⁰ be the positions and the
cell it was made for, R and H those of now. With F, the deformation that takes the periodic lattice vectors of then to
those of now (H = H⁰F, identity along directions without periodicity), and with whole numbers k and small u,

    R_i = R⁰_i F + u_i + k_i H,

the vector of a pair is v = r_j + S·H − r_i = v⁰F + u_j − u_i, where the shift now is S = S⁰ + k_i − k_j. So wrapping an
atom back into the cell changes k and nothing else. A pair that is not in the list had |v⁰| ≥ cutoff + skin, and has now

    |v| ≥ σ·(cutoff + skin) − (|u_i| + |u_j|)

with σ the smallest singular value of F. The list holds every pair within the cutoff as long as the right side, with the
two largest |u|, stays above it. Which of the pairs are within the cutoff is decided anew in every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equical.neighbors.backends import Floats, Integers
from equical.neighbors.build import COINCIDENT, FARTHEST, NeighborList, neighbor_list

__all__ = ["SKIN", "ListOrigin", "VerletList", "squared_distances"]

SKIN = 0.5
"""Å added to the cutoff. A thicker skin lasts longer and holds more pairs to look through in every step."""

MARGIN = 1e-6
"""Å kept between what the bound allows and the cutoff, and"""

ROUNDING = 1e-14
"""for each Å that atoms are away from the origin: more than rounding can do."""


@dataclass(frozen=True)
class ListOrigin:
    """What a list was made for, and for how long it holds.

    Attributes:
        positions: ``[N, 3]`` Å.
        cell: ``[3, 3]`` Å.
        pbc: ``[3]`` bool.
        radius: Å, pairs closer than this are in the list.
    """

    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    radius: float

    def wraps(self, positions: Floats, cell: Floats, pbc: NDArray[np.bool_], cutoff: float) -> Integers | None:
        """Whether the list still holds every pair within ``cutoff`` (Å).

        Returns:
            ``[N, 3]`` lattice vectors k that each atom was moved by as a whole since the list was made: the shift of a
            pair is now S + k_receiver − k_sender. None if the list must be made anew.
        """
        if positions.shape != self.positions.shape or not np.array_equal(pbc, self.pbc):
            return None
        farthest = np.abs(positions).max(initial=0.0)
        if not (farthest < FARTHEST and np.isfinite(cell[pbc]).all()):  # making it anew then refuses them by name
            return None
        then, now = self.cell[pbc], cell[pbc]
        deformation = np.eye(3) + np.linalg.pinv(then) @ (now - then)
        moved = positions - self.positions @ deformation
        whole = np.rint(moved @ np.linalg.pinv(now)) if len(now) else np.zeros((len(moved), 0))
        small = np.sort(np.linalg.norm(moved - whole @ now, axis=1))[-2:].sum()
        thinnest = np.linalg.svd(deformation, compute_uv=False)[-1]
        if thinnest * self.radius - small <= cutoff + MARGIN + ROUNDING * farthest:
            return None
        wraps = np.zeros(positions.shape, dtype=np.int64)
        wraps[:, pbc] = whole.astype(np.int64)
        return wraps


class VerletList:
    """The neighbours of structures that come one after the other, each like the one before or not.

    Args:
        cutoff: Å.
        skin: Å beyond the cutoff; with zero the list is made anew whenever anything moved.

    Attributes:
        rebuilds: how often a list was made.
    """

    def __init__(self, cutoff: float, skin: float = SKIN):
        self.cutoff, self.skin = cutoff, skin
        self.rebuilds = 0
        self._origin: ListOrigin | None = None
        self._pairs: NeighborList | None = None

    def __getstate__(self) -> dict[str, object]:
        """Copies begin without a list, but count on."""
        return vars(self) | {"_origin": None, "_pairs": None}

    def neighbors(self, positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> NeighborList:
        """All pairs within the cutoff, the same to the last bit whether the list was kept or made anew.

        Args:
            positions: ``[N, 3]`` Å.
            cell: ``[3, 3]`` Å.
            pbc: ``[3]`` bool.

        Raises:
            InputError: as :func:`equical.neighbors.build.neighbor_list`.
        """
        points, lattice, periodic = _arrays(positions, cell, pbc)
        pairs = _wrapped(*self.candidates(points, lattice, periodic))
        squared = squared_distances(points, lattice, pairs)
        if len(squared) and squared.min() < COINCIDENT**2:
            neighbor_list(points, lattice, periodic, self.cutoff)  # refuses them by name
        near = squared < self.cutoff**2
        return NeighborList(pairs.receiver[near], pairs.sender[near], pairs.shift[near])

    def candidates(self, positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> tuple[NeighborList, Integers]:
        """A list that holds every pair within the cutoff, and pairs beyond it.

        Returns:
            The list with the shifts of the time it was made, and for each atom the lattice vectors k ``[N, 3]`` that it
            was moved by as a whole since then: shifts are now S + k_receiver − k_sender.
        """
        points, lattice, periodic = _arrays(positions, cell, pbc)
        if self._origin is not None and self._pairs is not None:
            wraps = self._origin.wraps(points, lattice, periodic, self.cutoff)
            if wraps is not None:
                return self._pairs, wraps
        radius = self.cutoff + self.skin + 2 * MARGIN
        self._pairs = neighbor_list(points, lattice, periodic, radius)
        self._origin = ListOrigin(points.copy(), lattice.copy(), periodic.copy(), radius)
        self.rebuilds += 1
        return self._pairs, np.zeros(points.shape, dtype=np.int64)


def _arrays(positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    periodic = np.array(np.broadcast_to(np.asarray(pbc, dtype=bool), 3))
    return np.asarray(positions, dtype=np.float64), np.asarray(cell, dtype=np.float64), periodic


def _wrapped(pairs: NeighborList, wraps: Integers) -> NeighborList:
    """The list with the shifts that hold now; all shifts of two atoms change alike, so it stays sorted."""
    if not wraps.any():
        return pairs
    return NeighborList(pairs.receiver, pairs.sender, pairs.shift + wraps[pairs.receiver] - wraps[pairs.sender])


def squared_distances(positions: Floats, cell: Floats, pairs: NeighborList) -> Floats:
    """``[E]`` Å². Element by element, so that a pair has the same bits in whatever list it stands."""
    squared = np.zeros(len(pairs))
    shifted = pairs.shift.any(axis=0)
    for axis in range(3):
        component = positions[pairs.sender, axis] - positions[pairs.receiver, axis]
        for vector in np.flatnonzero(shifted):
            component += pairs.shift[:, vector] * cell[vector, axis]
        squared += component**2
    return squared
