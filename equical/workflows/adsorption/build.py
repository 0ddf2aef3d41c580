"""Slabs cut from a bulk crystal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.planes import LatticePlanes, lattice_planes
from equical.workflows.adsorption.symmetry import primitive_surface
from equical.workflows.common.inputs import check_structure, read_structure
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["SlabFromBulk", "build_slab", "bulk_crystal"]

MIN_LAYERS, MIN_THICKNESS = 4, 5.0
"""A slab is by default at least this many layers and this many Å thick."""

MIN_BUILT_VACUUM = 8.0
"""Å."""


def bulk_crystal(what: str | PathLike[str] | Atoms) -> Atoms:
    """A crystal in its conventional cell, to which Miller indices refer.

    Args:
        what: chemical symbol of an element whose structure ASE knows, a structure file, or atoms.

    Raises:
        InputError: no such element or file, or not a crystal.
    """
    from ase.build import bulk
    from ase.data import chemical_symbols

    if isinstance(what, Atoms):
        crystal = what.copy()
    elif str(what) in chemical_symbols[1:]:
        try:
            crystal = bulk(str(what))
        except (ValueError, NotImplementedError) as error:
            raise InputError(f"no simple crystal structure is known for {what}: give a file with --bulk") from error
    elif Path(what).suffix:
        crystal = read_structure(what)
    else:
        raise InputError(f"--bulk takes the symbol of an element or a structure file, not {str(what)!r}")
    check_structure(crystal)
    if not crystal.pbc.all():
        raise InputError(
            f"{crystal.get_chemical_formula()} is not a bulk crystal: it is not periodic in three directions"
        )
    return _conventional(crystal)


def _conventional(crystal: Atoms) -> Atoms:
    cell = (crystal.cell[:], crystal.get_scaled_positions(), crystal.numbers)
    found = ask_spglib("standardize_cell", cell, to_primitive=False, no_idealize=True, symprec=1e-3)
    if found is None:
        return crystal
    lattice, fractions, numbers = found
    return Atoms(numbers, cell=lattice, scaled_positions=fractions, pbc=True)


@dataclass(frozen=True)
class SlabFromBulk:
    """How to cut a slab from a crystal.

    Attributes:
        bulk: chemical symbol, structure file or atoms, see :func:`bulk_crystal`.
        miller: three indices that refer to the conventional cell, or four for hexagonal crystals.
        layers: atomic layers, each with all atoms that the crystal has at that height; by default at least 4, and as
            many as 5 Å take.
        size: repetitions of the smallest surface cell.
        vacuum: Å between the slab and its next image along the surface normal.
        termination: which layer of the crystal is on top, for crystals in which not all layers are the same. 0 is the
            one with the widest gap above it, where a crystal cleaves most easily; each further one is the next below.
        relax: whether the crystal, its cell included, is relaxed first.

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

    def __post_init__(self) -> None:
        _three_indices(self.miller)
        if (self.layers is not None and self.layers < 1) or len(self.size) != 2 or min(self.size) < 1:
            raise InputError("layers and size must be positive whole numbers, such as --layers 4 --size 3x3")
        if self.termination < 0:
            raise InputError(f"termination counts layers from 0; {self.termination} is negative")
        if self.vacuum < MIN_BUILT_VACUUM:
            raise InputError(
                f"{self.vacuum:g} Å of vacuum let the slab feel its own image: give at least {MIN_BUILT_VACUUM:g}, "
                "better 15"
            )


def build_slab(recipe: SlabFromBulk, crystal: Atoms | None = None) -> Atoms:
    """Cut a slab from a crystal.

    Args:
        recipe: how.
        crystal: conventional cell, relaxed perhaps; by default that of the recipe as it is.

    Returns:
        Slab with its normal along z and its first lattice vector along x, periodic in the surface plane, atoms from
        the bottom to the top.

    Raises:
        InputError: the recipe's bulk is not usable.
    """
    crystal = bulk_crystal(recipe.bulk) if crystal is None else crystal
    planes = lattice_planes(crystal, _three_indices(recipe.miller))
    block = planes.stack(recipe.layers or _default_layers(planes, recipe.termination), recipe.termination)
    slab = primitive_surface(block)
    assert len(block) % len(slab) == 0, "the smallest cell holds a whole fraction of the atoms"
    slab.positions[:, 2] -= slab.positions[:, 2].min()
    height = float(np.ptp(slab.positions[:, 2]))
    slab.set_cell([*slab.cell[:2], [0, 0, height + recipe.vacuum]])
    slab.set_cell(slab.cell.standard_form()[0], scale_atoms=True)
    slab.positions[:, 2] += recipe.vacuum / 2
    slab.pbc = [True, True, False]
    slab = slab.repeat([*recipe.size, 1])
    slab.wrap()
    return slab[np.argsort(slab.positions[:, 2].round(3), kind="stable")]


def _default_layers(planes: LatticePlanes, termination: int) -> int:
    """As many layers as make a slab of the least thickness, and no fewer than the least number."""
    layers = MIN_LAYERS
    while planes.thickness(layers, termination) < MIN_THICKNESS - 1e-3:
        layers += 1
    return layers


def _three_indices(miller: Sequence[int]) -> tuple[int, int, int]:
    indices = tuple(int(index) for index in miller)
    if len(indices) == 4:
        h, k, i, l = indices  # noqa: E741
        if h + k + i:
            raise InputError(f"of four Miller indices the first three must add up to 0, not {indices}")
        indices = (h, k, l)
    if len(indices) != 3 or not any(indices):
        raise InputError(f"give three Miller indices that are not all zero, such as 1 1 1, not {indices}")
    return indices
