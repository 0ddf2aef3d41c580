"""A crystal as a stack of atomic layers along a direction, from which slabs are taken layer by layer.

All atoms of the crystal are repeated by a lattice vector that leads from one lattice plane to the next, so heights
count modulo the distance of lattice planes. On that circle atoms are grouped into layers, which no cell boundary can
split: the circle is opened at its widest gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from ase import Atoms

from equical.workflows.adsorption.slabs import layer_gap
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["LatticePlanes", "lattice_planes"]

SYMPREC = 1e-3
"""Å. Tolerance of the search for the primitive lattice."""

SAME_GAP = 0.01
"""Å. Gaps between layers that differ by less are equally wide."""


@dataclass(frozen=True)
class LatticePlanes:
    """The layers of a crystal between one lattice plane and the next, from the top down.

    Attributes:
        numbers: ``[N]`` atomic numbers of one primitive cell.
        positions: ``[N, 3]`` Å, with the layers along +z and none of them split.
        layer: ``[N]`` layer of each atom, 0 at the top.
        basis: ``[2, 2]`` Å, shortest lattice vectors in the xy plane, right-handed.
        step: ``[3]`` Å, lattice vector to the next lattice plane above.
    """

    numbers: np.ndarray
    positions: np.ndarray
    layer: np.ndarray
    basis: np.ndarray
    step: np.ndarray

    @property
    def count(self) -> int:
        """Number of layers from one lattice plane to the next."""
        return int(self.layer.max()) + 1

    def height(self, number: int) -> float:
        """Å, mean height of a layer of the infinite stack; they are numbered from 0 downwards."""
        whole, rest = divmod(number, self.count)
        return float(self.positions[self.layer == rest, 2].mean() - whole * self.step[2])

    def thickness(self, layers: int, first: int) -> float:
        """Å, from the lowest to the highest of so many layers, counted downwards from ``first``."""
        return self.height(first) - self.height(first + layers - 1)

    def stack(self, layers: int, first: int) -> Atoms:
        """Consecutive layers.

        Args:
            layers: how many.
            first: number of the one on top.

        Returns:
            Atoms periodic in the xy plane, in a cell whose third vector is a normal of arbitrary length.
        """
        numbers, positions = [], []
        for number in range(first, first + layers):
            whole, rest = divmod(number, self.count)
            here = self.layer == rest
            numbers.append(self.numbers[here])
            positions.append(self.positions[here] - whole * self.step)
        cell = np.zeros((3, 3))
        cell[:2, :2] = self.basis
        cell[2, 2] = self.thickness(layers, first) + abs(self.step[2]) + 20.0
        block = Atoms(np.concatenate(numbers), np.concatenate(positions), cell=cell, pbc=[True, True, False])
        block.wrap()
        return block


def lattice_planes(crystal: Atoms, miller: tuple[int, int, int]) -> LatticePlanes:
    """The layers of a crystal along the normal of a plane.

    Args:
        crystal: conventional cell.
        miller: indices of the plane that refer to this cell.
    """
    lattice, primitive = _primitive(crystal)
    normal = np.linalg.inv(crystal.cell[:]) @ np.array(miller, dtype=float)
    indices = _whole(lattice @ normal)
    basis, step = _plane_basis(lattice, indices)
    frame = _frame(basis, normal)
    positions, basis, step = primitive.positions @ frame.T, basis @ frame.T, step @ frame.T
    heights, period = positions[:, 2], step[2]
    positions = positions - np.floor((heights - _widest_gap(heights, period)) / period)[:, None] * step
    order = np.argsort(-positions[:, 2], kind="stable")
    positions, numbers = positions[order], primitive.numbers[order]
    drops = -np.diff(positions[:, 2], append=positions[0, 2] - period)
    layer = np.concatenate([[0], np.cumsum(drops[:-1] > layer_gap(drops))])
    planes = LatticePlanes(numbers, positions, layer, basis[:, :2], step)
    return _from_the_top(planes)


def _primitive(crystal: Atoms) -> tuple[np.ndarray, Atoms]:
    """Primitive lattice vectors ``[3, 3]`` in the orientation of the crystal, and the atoms of that cell."""
    cell = (crystal.cell[:], crystal.get_scaled_positions(), crystal.numbers)
    found = ask_spglib("standardize_cell", cell, to_primitive=True, no_idealize=True, symprec=SYMPREC)
    if found is None:
        return crystal.cell[:], crystal
    lattice, fractions, numbers = found
    if len(numbers) >= len(crystal):
        return crystal.cell[:], crystal
    centrings = 6 * lattice @ np.linalg.inv(crystal.cell[:])  # halves and thirds of the crystal's vectors
    assert np.allclose(centrings, np.rint(centrings), atol=0.01), "spglib turned the crystal"
    return lattice, Atoms(numbers, cell=lattice, scaled_positions=fractions, pbc=True)


def _whole(indices: np.ndarray) -> np.ndarray:
    """Coprime whole numbers in the ratio of ``indices``, which are whole numbers over the centrings of a lattice."""
    ratios = [Fraction(float(index)).limit_denominator(12) for index in indices]
    scale = lcm(*(ratio.denominator for ratio in ratios))
    whole = [int(ratio * scale) for ratio in ratios]
    return np.array(whole) // gcd(*whole)


def _plane_basis(lattice: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two shortest lattice vectors in the plane with these indices, and a lattice vector to the next plane above.

    Two vectors span all lattice points of the plane just where their cross product is the indices themselves.
    """
    reach = int(np.abs(indices).max()) + 1
    axis = np.arange(-reach, reach + 1)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    advance = points @ indices
    lengths = np.linalg.norm(points @ lattice, axis=1)
    within = np.flatnonzero((advance == 0) & (lengths > 0))
    within = points[within[np.lexsort((within, lengths[within].round(6)))]]
    for second in range(1, len(within)):
        cross = np.cross(within[:second], within[second])
        found = np.flatnonzero((cross == indices).all(axis=1) | (cross == -indices).all(axis=1))
        if len(found):
            first = within[found[0]]
            pair = [first, within[second]] if (cross[found[0]] == indices).all() else [within[second], first]
            break
    above = np.flatnonzero(advance == 1)
    step = points[above[lengths[above].argmin()]]
    basis, step = np.array(pair) @ lattice, step @ lattice
    return (basis, step) if np.linalg.det([*basis, step]) > 0 else (basis[::-1], step)


def _frame(basis: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """``[3, 3]`` rows: unit vectors along the first vector of the plane, across it, and along the normal."""
    z = normal / np.linalg.norm(normal)
    x = basis[0] / np.linalg.norm(basis[0])
    return np.array([x, np.cross(z, x), z])


def _widest_gap(heights: np.ndarray, period: float) -> float:
    """A height in the middle of the widest gap between atoms, on the circle of heights."""
    levels = np.sort(heights % period)
    gaps = np.diff(levels, append=levels[0] + period)
    widest = int(gaps.argmax())
    return float(levels[widest] + gaps[widest] / 2)


def _from_the_top(planes: LatticePlanes) -> LatticePlanes:
    """The same layers, the one with the widest gap above it on top.

    Of several the one with the first formula in the alphabet is taken, and of these the highest: what decides must not
    be the last bits of a height.
    """
    count = planes.count
    gaps = [planes.height(number - 1) - planes.height(number) for number in range(count)]
    formulas = [Atoms(planes.numbers[planes.layer == number]).get_chemical_formula() for number in range(count)]
    top = min(range(count), key=lambda number: (-round(gaps[number] / SAME_GAP), formulas[number], number))
    below = planes.layer >= top
    positions = np.where(below[:, None], planes.positions, planes.positions - planes.step)
    return LatticePlanes(planes.numbers, positions, (planes.layer - top) % count, planes.basis, planes.step)
