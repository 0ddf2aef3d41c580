"""Which surfaces one face of a crystal can have, depending on the layer it is cut above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from equical.workflows.adsorption.planes import SAME, Stack, stack_of_planes
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["Termination", "terminations"]


@dataclass(frozen=True)
class Termination:
    """A surface of a crystal.

    Attributes:
        index: what ``SlabFromBulk.termination`` and ``--termination`` call it: layers taken off the top.
        top: formula of the topmost layer in the smallest surface cell, such as ``"TiO2"``.
        gap: Å, height of the next layer of the crystal above the topmost one.
    """

    index: int
    top: str
    gap: float


def terminations(crystal: Atoms, miller: Sequence[int]) -> tuple[Termination, ...]:
    """The surfaces of a face that no symmetry of the crystal makes equivalent, by ascending index.

    The first one lies below the widest gap between layers, where the fewest bonds are cut.

    Args:
        crystal: in the cell that the indices refer to, see :func:`bulk_crystal`.
        miller: three indices.
    """
    h, k, l = (int(index) for index in miller)  # noqa: E741
    stack = stack_of_planes(crystal, (h, k, l))
    heights, count = stack.heights, stack.layers_per_repeat
    gaps = np.diff(heights, append=heights[0] + stack.cell[2, 2])
    like = _equivalent_layers(stack)
    found: dict[int, Termination] = {}
    for index in range(count):
        layer = (-1 - index) % count
        top = Atoms(stack.numbers[stack.layers == layer]).get_chemical_formula("metal")
        found.setdefault(like[layer], Termination(index, top, float(gaps[layer])))
    return tuple(found.values())


def _equivalent_layers(stack: Stack) -> list[int]:
    """``[L]``: for each layer the first one that an operation of the crystal carries it to, its upper side up."""
    count, heights = stack.layers_per_repeat, stack.heights / stack.cell[2, 2]
    like = list(range(count))
    fractions = stack.positions @ np.linalg.inv(stack.cell)
    symmetry = ask_spglib("get_symmetry_dataset", (stack.cell, fractions, stack.numbers), symprec=SAME)
    if symmetry is None:
        return like
    keeps_up = (symmetry.rotations[:, 2] == [0, 0, 1]).all(axis=1)
    for shift in symmetry.translations[keeps_up, 2]:
        apart = heights[:, None] + shift - heights
        images = np.abs(apart - np.rint(apart)).argmin(axis=1)
        like = [min(like[layer], like[image]) for layer, image in enumerate(images)]
    return like
