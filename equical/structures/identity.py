"""Whether two structures are one and the same in another form.

The order of atoms, the lattice vectors added to them, a shift of all of them, a rotation or reflection of the whole,
and another cell of the same lattice make no other structure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.neighbors.build import pairs_within
from equical.neighbors.cells import complete_cell

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["alike", "coincide", "signature"]

Floats = NDArray[np.float64]

NEIGHBORS = 40
"""Neighbours of an atom, on average, that a signature sees."""

NEAR, FAR = 6.0, 15.0
"""Å. Bounds of how far it sees."""

WAVES = np.arange(1, 7)
"""Numbers of half waves of its radial functions."""

SAME = 1e-3
"""Largest difference between signatures of the same structure; moving one atom by 0.001 Å makes about as much."""


def alike(structures: Sequence[Atoms]) -> list[list[int]]:
    """Groups of two and more structures with the same signature, as their indices in ascending order.

    Different structures that agree in this are rare; :func:`coincide` tells for certain, but knows no rotations.
    """
    by_formula: dict[bytes, list[int]] = defaultdict(list)
    for index, atoms in enumerate(structures):
        by_formula[np.sort(atoms.numbers).tobytes()].append(index)
    groups = []
    for members in by_formula.values():
        if len(members) > 1:
            found = _clusters(np.array([signature(structures[index]) for index in members]))
            groups += [[members[i] for i in group] for group in found]
    return sorted(groups)


def _clusters(points: Floats) -> list[list[int]]:
    """Rows that agree within ``SAME``, chains of them together."""
    order = np.argsort(points[:, 0], kind="stable")
    parent = list(range(len(points)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            if points[j, 0] - points[i, 0] > SAME:
                break
            if np.abs(points[j] - points[i]).max() < SAME:
                first, second = sorted((root(i), root(j)))
                parent[second] = first
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(points)):
        groups[root(i)].append(i)
    return [group for group in groups.values() if len(group) > 1]


def signature(atoms: Atoms) -> Floats:
    """Numbers that only another structure changes: sums over atoms of what they see, and what their neighbours see.

    Every atom sums smooth functions of the distances to its neighbours, weighted by their elements; then once more,
    weighted by what these have found.
    """
    radius = _sight(atoms)
    receiver, sender, _, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, radius)
    own = 0.5 + (atoms.numbers * 0.618034) % 1.0
    envelope = (1.0 - (distance / radius) ** 2) ** 3
    radial = envelope[:, None] * np.cos(np.outer(np.pi * distance / radius, WAVES))

    def summed(weights: Floats) -> Floats:
        found = np.zeros((len(atoms), len(WAVES)))
        np.add.at(found, receiver, radial * weights[sender][:, None])
        return found

    first = summed(own)
    second = summed(own + np.tanh(0.3 * first @ (1.0 / WAVES)))
    return np.concatenate([own @ np.tanh(0.3 * first), own @ np.tanh(0.3 * second)])


def _sight(atoms: Atoms) -> float:
    """Å, the radius within which an atom has enough neighbours; everything where nothing is periodic."""
    from scipy.spatial.distance import pdist

    if not atoms.pbc.any():
        return float(pdist(atoms.positions).max(initial=0.0)) + NEAR if len(atoms) < 300 else FAR
    extent = np.ptp(atoms.positions @ np.linalg.pinv(complete_cell(atoms.cell.array, atoms.pbc)), axis=0)
    cell = complete_cell(atoms.cell.array, atoms.pbc) * np.where(atoms.pbc, 1.0, extent + NEAR)[:, None]
    share = abs(np.linalg.det(cell)) / len(atoms)
    return float(np.clip((0.75 * NEIGHBORS * share / np.pi) ** (1 / 3), NEAR, FAR))


def coincide(a: Atoms, b: Atoms, tolerance: float = 1e-4) -> bool:
    """Whether one is the other with its atoms in another order, wrapped, or shifted together.

    Molecules may be rotated and reflected too, if the order of their atoms is the same.

    Args:
        a: one structure.
        b: the other.
        tolerance: Å.
    """
    if not np.array_equal(np.sort(a.numbers), np.sort(b.numbers)) or not np.array_equal(a.pbc, b.pbc):
        return False
    if np.abs((a.cell.array - b.cell.array)[a.pbc]).max(initial=0.0) > tolerance:
        return False
    if not a.pbc.any() and np.array_equal(a.numbers, b.numbers) and _same_distances(a, b, tolerance):
        return True
    cell = complete_cell(a.cell.array, a.pbc)
    kinds, counts = np.unique(a.numbers, return_counts=True)
    rarest = kinds[counts.argmin()]
    start = a.positions[np.flatnonzero(a.numbers == rarest)[0]]
    other = np.where(a.numbers[:, None] == b.numbers, 0.0, np.inf)
    for place in b.positions[b.numbers == rarest]:
        scaled = (a.positions[:, None] - start - b.positions + place) @ np.linalg.inv(cell)
        distance = np.linalg.norm((scaled - np.round(scaled) * a.pbc) @ cell, axis=-1) + other
        if (distance.min(axis=1) < tolerance).all() and len(set(distance.argmin(axis=1).tolist())) == len(a):
            return True
    return False


def _same_distances(a: Atoms, b: Atoms, tolerance: float) -> bool:
    from scipy.spatial.distance import pdist

    return bool(np.abs(pdist(a.positions) - pdist(b.positions)).max(initial=0.0) < tolerance)
