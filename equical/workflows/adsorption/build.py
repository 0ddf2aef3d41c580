"""Slabs cut from a bulk crystal, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.bulks import bulk_crystal
from equical.workflows.adsorption.planes import Stack, stack_of_planes

__all__ = ["SlabFromBulk", "build_slab"]

MIN_LAYERS, MIN_THICKNESS = 4, 5.0
"""A slab is by default at least this many layers and this many Å thick."""

MIN_BUILT_VACUUM = 8.0
"""Å."""


@dataclass(frozen=True)
class SlabFromBulk:
    """How to cut a slab from a crystal.

    Attributes:
        bulk: formula, structure file or atoms, see :func:`bulk_crystal`.
        miller: three indices that refer to the conventional cell, or four for hexagonal crystals.
        layers: planes of atoms that follow one another by about 0.25 Å or more. Of a compound each one counts,
            whatever it holds: MgO (1 1 1) has two in a repeat unit. By default at least 4, and as many as 5 Å take.
        size: repetitions of the smallest surface cell. Its first vector is the shortest one, the second one lies at
            60° to 120° from it, at an acute angle where the lattice leaves the choice.
        vacuum: Å between the slab and its next image along the surface normal.
        termination: how many layers to take off the top, for crystals whose layers are not all the same; 0 ends with
            the layer below the widest gap. See :func:`terminations`.
        relax: whether the crystal, its cell included, is relaxed first.
        prototype: structure type of a formula, such as ``"l12"``; by default the one that it is known for.

    Raises:
        InputError: unusable indices or numbers.
    """

    bulk: str | PathLike[str] | Atoms
    miller: Sequence[int] = (1, 1, 1)
    layers: int | None = None
    size: tuple[int, int] = (1, 1)
    vacuum: float = 15.0
    termination: int = 0
    relax: bool = True
    prototype: str | None = None

    def __post_init__(self) -> None:
        _ = self.three_indices  # refuses unusable ones
        if (self.layers is not None and self.layers < 1) or len(self.size) != 2 or min(self.size) < 1:
            raise InputError("layers and size must be positive whole numbers, such as --layers 4 --size 3x3")
        if self.termination < 0:
            raise InputError(f"termination counts layers from 0; {self.termination} is negative")
        if self.vacuum < MIN_BUILT_VACUUM:
            raise InputError(
                f"{self.vacuum:g} Å of vacuum let the slab feel its own image: give at least {MIN_BUILT_VACUUM:g}, "
                "better 15"
            )

    @property
    def three_indices(self) -> tuple[int, int, int]:
        """Miller indices; the third one of four is left out."""
        indices = tuple(int(index) for index in self.miller)
        if len(indices) == 4:
            h, k, i, l = indices  # noqa: E741
            if h + k + i:
                raise InputError(f"of four Miller indices the first three must add up to 0, not {indices}")
            indices = (h, k, l)
        if len(indices) != 3 or not any(indices):
            raise InputError(f"give three Miller indices that are not all zero, such as 1 1 1, not {indices}")
        return indices


def build_slab(recipe: SlabFromBulk, crystal: Atoms | None = None) -> Atoms:
    """Cut a slab from a crystal.

    Args:
        recipe: how.
        crystal: conventional cell, relaxed perhaps; by default that of the recipe as it is.

    Returns:
        Slab with its normal along z and its first lattice vector along x, periodic in the surface plane. Atoms come
        layer by layer from the bottom to the top; their tags count layers from 1 at the top, as in ASE's slabs.

    Raises:
        InputError: the recipe's bulk is not usable.
    """
    crystal = bulk_crystal(recipe.bulk, recipe.prototype) if crystal is None else crystal
    stack = stack_of_planes(crystal, recipe.three_indices)
    slab = stack.cut(-recipe.termination, recipe.layers or _usual_layers(stack, recipe.termination))
    height = float(np.ptp(slab.positions[:, 2]))
    slab.positions[:, 2] += recipe.vacuum / 2 - slab.positions[:, 2].min()
    slab.cell[2] = [0, 0, height + recipe.vacuum]
    slab = slab.repeat([*recipe.size, 1])
    return slab[np.argsort(-slab.get_tags(), kind="stable")]


def _usual_layers(stack: Stack, termination: int) -> int:
    layers = MIN_LAYERS
    while stack.depth(-termination, layers) < MIN_THICKNESS - 1e-3:
        layers += 1
    return layers
