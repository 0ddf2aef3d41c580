"""Crystals as stacks of lattice planes: the smallest cell of a face, and the whole layers of atoms above it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

from equical.workflows.adsorption.layers import group_periodic_heights

__all__ = ["Stack", "primitive_crystal", "stack_of_planes"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SAME = 0.01
"""Å. Atoms that a translation of the lattice brings this close to their like are repetitions of one another."""

AS_SHORT = 1.0001
"""Lattice vectors whose lengths differ by less than this factor count as equally long."""

TIE = 0.05
"""Å. Gaps between layers that differ by less are equally wide."""


@dataclass(frozen=True)
class Stack:
    """A crystal as layers of atoms parallel to one of its planes, from the bottom to the top, without end.

    Attributes:
        cell: ``[3, 3]`` Å, a basis of the lattice. The first two rows are the smallest cell of the plane, with the
            first one, the shortest, along x and the second one in the xy plane; the third one leads to the next plane
            of the lattice, so that its z is their spacing.
        numbers: ``[N]`` atomic numbers of one repeat unit.
        positions: ``[N, 3]`` Å. Each layer is in one piece, heights of all lie within one spacing.
        layers: ``[N]``, 0 to L − 1 from the bottom to the top of the unit, above which the widest gap lies.
    """

    cell: Floats
    numbers: Integers
    positions: Floats
    layers: Integers

    @property
    def layers_per_repeat(self) -> int:
        """L, how many layers the repeat unit has."""
        return int(self.layers.max()) + 1

    @property
    def heights(self) -> Floats:
        """``[L]`` Å, mean heights of the layers."""
        return np.bincount(self.layers, self.positions[:, 2]) / np.bincount(self.layers)

    def depth(self, below: int, layers: int) -> float:
        """Å between the highest and the lowest of some layers; arguments as for :meth:`cut`."""
        numbers = np.array([below - layers, below - 1])
        low, high = self.heights[numbers % self.layers_per_repeat] + numbers // self.layers_per_repeat * self.cell[2, 2]
        return float(high - low)

    def cut(self, below: int, layers: int) -> Atoms:
        """Whole layers as a structure that is not periodic along z, with tags that count layers from 1 at the top.

        Args:
            below: number of the layer above the topmost one; 0 to L − 1 for those of the unit, and on without end.
            layers: how many, counted downwards.
        """
        slab = Atoms(cell=self.cell, pbc=[True, True, False])
        for number in range(below - layers, below):
            repeat, layer = divmod(number, self.layers_per_repeat)
            chosen = self.layers == layer
            piece = Atoms(self.numbers[chosen], self.positions[chosen] + repeat * self.cell[2])
            piece.set_tags(below - number)
            assert (slab.positions[:, 2] < piece.positions[:, 2].min()).all(), "layers do not overlap"
            slab.extend(piece)
        slab.cell[2] = [0, 0, self.cell[2, 2] + float(np.ptp(slab.positions[:, 2]))]
        slab.wrap(eps=1e-3)
        return slab


def stack_of_planes(crystal: Atoms, miller: tuple[int, int, int]) -> Stack:
    """Take a crystal apart into the layers of atoms parallel to a plane.

    Args:
        crystal: periodic in all directions, in any cell; noise below 0.01 Å is averaged over what repeats.
        miller: indices of the plane, which refer to that cell. The stack grows along their normal.
    """
    unit, basis = primitive_crystal(crystal)
    normal = np.rint(basis @ np.array(miller) * len(crystal) / len(unit)).astype(np.int64)
    normal //= np.gcd.reduce(normal)
    change = _unimodular(normal)
    in_plane = _reduced_plane(change[:2], change[2] @ unit.cell[:], unit.cell[:], basis)
    cell = np.concatenate([in_plane, change[2:]]) @ unit.cell[:]
    across = np.cross(cell[0], cell[1])
    frame = np.array([cell[0], np.cross(across, cell[0]), across])
    frame /= np.linalg.norm(frame, axis=1, keepdims=True)
    cell, positions = cell @ frame.T, unit.positions @ frame.T
    assert np.isclose(np.linalg.det(cell), unit.get_volume()), "a right-handed basis of the lattice"
    layers, whole = group_periodic_heights(positions[:, 2], cell[2, 2])
    positions += np.rint((whole - positions[:, 2]) / cell[2, 2])[:, None] * cell[2]
    return _ending_at_the_widest_gap(Stack(cell, unit.numbers, positions, layers))


def _ending_at_the_widest_gap(stack: Stack) -> Stack:
    """The same stack with its unit cut where layers are furthest apart; of equal gaps, below the origin."""
    heights, period, count = stack.heights, float(stack.cell[2, 2]), stack.layers_per_repeat
    gaps = np.diff(heights, append=heights[0] + period)
    above = (np.arange(count) + 1) % count  # the layer that becomes the first of the unit if it ends with this one
    from_origin = (heights[above] + TIE) % period
    best = min(np.flatnonzero(gaps > gaps.max() - TIE), key=lambda layer: from_origin[layer])
    first = int(above[best])
    lowered = stack.layers >= first if first else np.zeros(len(stack.layers), dtype=bool)
    positions = stack.positions - lowered[:, None] * stack.cell[2]
    return Stack(stack.cell, stack.numbers, positions, (stack.layers - first) % count)


def primitive_crystal(crystal: Atoms) -> tuple[Atoms, Floats]:
    """The smallest cell that repeats in a crystal, with atoms averaged over those that repeat.

    Returns:
        The cell, and ``[3, 3]`` with its lattice vectors in terms of the given ones: multiples of one over the number
        of cells that the given one holds, free of the noise of the positions.
    """
    shifts, partners = _pure_translations(crystal)
    count = len(shifts)
    basis = _lattice_basis(np.concatenate([np.rint(shifts * count), count * np.eye(3)]).astype(np.int64)) / count
    cell, operation = minkowski_reduce(basis @ crystal.cell[:])
    basis = np.rint(operation) @ basis
    kept = np.flatnonzero(partners.min(axis=0) == np.arange(len(crystal)))
    assert len(kept) * count == len(crystal), "translations map no atom onto itself"
    # Offset of every repetition of a kept atom from where the lattice wants it, averaged.
    apart = crystal.positions[partners[:, kept]] - (shifts @ crystal.cell[:])[:, None] - crystal.positions[kept]
    fraction = apart @ np.linalg.inv(crystal.cell[:])
    offset = ((fraction - np.rint(fraction)) @ crystal.cell[:]).mean(axis=0)
    return Atoms(crystal.numbers[kept], crystal.positions[kept] + offset, cell=cell, pbc=True), basis


def _pure_translations(crystal: Atoms) -> tuple[Floats, Integers]:
    """Translations within the cell that map a crystal onto itself.

    Returns:
        ``[M, 3]`` fractions of the lattice vectors, zero being the first, and ``[M, N]`` which atom each atom goes to.
    """
    numbers, cell = crystal.numbers, crystal.cell[:]
    fractions = crystal.get_scaled_positions(wrap=False)
    rarest = min(set(numbers.tolist()), key=lambda z: (np.count_nonzero(numbers == z), z))
    candidates = np.flatnonzero(numbers == rarest)
    shifts, partners = [np.zeros(3)], [np.arange(len(numbers))]
    for shift in fractions[candidates[1:]] - fractions[candidates[0]]:
        apart = fractions[None] - (fractions + shift)[:, None]
        apart = (apart - np.rint(apart)) @ cell
        distance = np.where(numbers[:, None] == numbers, np.linalg.norm(apart, axis=-1), np.inf)
        partner = distance.argmin(axis=1)
        residue = apart[np.arange(len(numbers)), partner]
        # The pair of atoms that suggested the shift has noise of its own: only what differs between atoms counts.
        off = np.linalg.norm(residue - residue.mean(axis=0), axis=1).max()
        if off < SAME and len(set(partner.tolist())) == len(numbers):
            shifts.append(shift)
            partners.append(partner)
    # M translations that form a group are multiples of 1/M. Where distortions of about 0.01 Å let only some of a group
    # pass, the cell is taken as it is.
    count = len(shifts)
    exact = np.rint(np.array(shifts) * count) / count
    rounding = np.linalg.norm((exact - shifts) @ cell, axis=1).max()
    closed = (
        len({tuple(vector) for vector in np.rint((exact[:, None] + exact) * count).reshape(-1, 3) % count}) == count
    )
    if rounding > 2 * SAME or not closed:
        return np.zeros((1, 3)), np.arange(len(numbers))[None]
    return exact % 1, np.array(partners)


def _lattice_basis(vectors: Integers) -> Integers:
    """``[3, 3]`` basis of the lattice that whole-number vectors ``[K, 3]`` span, by Euclid's algorithm on rows."""
    rows = [row for row in vectors if row.any()]
    basis = []
    for column in range(3):
        while True:
            rows.sort(key=lambda row: (row[column] == 0, abs(row[column])))
            others = [row - row[column] // rows[0][column] * rows[0] for row in rows[1:] if row[column]]
            untouched = [row for row in rows[1:] if not row[column]]
            done = not any(row[column] for row in others)
            rows = [rows[0], *(row for row in others if row.any()), *untouched]
            if done:
                break
        basis.append(rows.pop(0))
    return np.array(basis)


def _unimodular(normal: Integers) -> Integers:
    """``[3, 3]`` whole-number matrix U of determinant ±1 with ``U @ normal = (0, 0, 1)``.

    Its first two rows span the lattice plane, and the third one leads to the next plane.

    Args:
        normal: ``[3]`` whole numbers without common divisor.
    """
    change, rest = np.eye(3, dtype=np.int64), normal.copy()
    while np.count_nonzero(rest) > 1:
        smallest = min(np.flatnonzero(rest), key=lambda i: abs(rest[i]))
        for i in np.flatnonzero(rest):
            if i != smallest:
                times = rest[i] // rest[smallest]
                rest[i] -= times * rest[smallest]
                change[i] -= times * change[smallest]
    pivot = int(np.flatnonzero(rest)[0])
    change[pivot] *= rest[pivot]
    return change[[*(i for i in range(3) if i != pivot), pivot]]


def _reduced_plane(rows: Integers, upward: Floats, cell: Floats, basis: Floats) -> Integers:
    """``[2, 3]``: the shortest basis of a lattice plane, its vectors in terms of ``cell``.

    The first vector is the shortest one, the second one lies at 60° to 120° from it, at an acute angle where the
    lattice leaves the choice, as in the slabs of ASE. Which of equally good ones, no noise decides.

    Args:
        rows: ``[2, 3]``, some basis of the plane.
        upward: ``[3]`` Å; the two vectors and this one are right-handed.
        cell: ``[3, 3]`` Å.
        basis: ``[3, 3]``, the vectors of ``cell`` in terms of those that Miller indices refer to.
    """
    first, second = rows
    while True:  # Gauss
        second = second - int(np.rint((first @ cell) @ (second @ cell) / np.sum((first @ cell) ** 2))) * first
        if np.linalg.norm(second @ cell) >= np.linalg.norm(first @ cell):
            break
        first, second = second, first
    near = [i * first + j * second for i, j in product((-1, 0, 1), repeat=2) if i or j]
    area = abs(float(np.cross(first @ cell, second @ cell) @ upward))
    pairs = [(a, b) for a, b in product(near, repeat=2) if np.cross(a @ cell, b @ cell) @ upward > 0.5 * area]
    for which in (0, 1):
        lengths = [float(np.linalg.norm(pair[which] @ cell)) for pair in pairs]
        pairs = [pair for pair, length in zip(pairs, lengths, strict=True) if length < AS_SHORT * min(lengths)]
    acute = [(a, b) for a, b in pairs if (a @ cell) @ (b @ cell) > -1e-3 * area]
    return np.array(max(acute or pairs, key=lambda pair: (np.array(pair) @ basis).round(6).tolist()))
