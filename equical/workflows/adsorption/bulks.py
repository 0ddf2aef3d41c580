"""Bulk crystals that slabs are cut from, in the cell that Miller indices refer to."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.planes import SAME
from equical.workflows.adsorption.prototypes import crystal_by_formula
from equical.workflows.common.inputs import check_structure, read_structure
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["Bulk", "bulk_crystal", "find_bulk"]


@dataclass(frozen=True)
class Bulk:
    """A crystal to cut slabs from.

    Attributes:
        crystal: in the cell that Miller indices refer to.
        guess: structure type that its formula suggested, such as ``"L1_2"``; empty where nothing was guessed.
        estimated: whether its lattice constant is an estimate, off by some per cent.
    """

    crystal: Atoms
    guess: str = ""
    estimated: bool = False


def bulk_crystal(what: str | PathLike[str] | Atoms, prototype: str | None = None) -> Atoms:
    """A crystal in its conventional cell, to which Miller indices refer.

    Args:
        what: a formula such as ``"Pt"``, ``"Pt3Ni"`` or ``"MgO"``, a structure file, or atoms. Elements have the
            structure and lattice constants of ASE's reference data; those of compounds are estimated from atomic
            volumes and radii, and off by some per cent.
        prototype: structure type of a formula, one of ``PROTOTYPES``; by default the one that it is known for.

    Raises:
        InputError: no such file, a formula that does not tell the structure, or not a crystal.
    """
    return find_bulk(what, prototype).crystal


def find_bulk(what: str | PathLike[str] | Atoms, prototype: str | None = None) -> Bulk:
    """As :func:`bulk_crystal`, with what is to be known about it."""
    is_file = not isinstance(what, Atoms) and (bool(Path(what).suffix) or Path(what).is_file())
    if not isinstance(what, Atoms) and not is_file:
        named = crystal_by_formula(str(what), prototype)
        return Bulk(_conventional(named.atoms), named.title if named.guessed else "", named.estimated)
    if prototype is not None:
        raise InputError("--prototype goes with a formula; a crystal from a file is taken as it is")
    crystal = what.copy() if isinstance(what, Atoms) else read_structure(what)
    check_structure(crystal)
    if not crystal.pbc.all():
        raise InputError(
            f"{crystal.get_chemical_formula()} is not a bulk crystal: it is not periodic in three directions"
        )
    return Bulk(_conventional(crystal))


def _conventional(crystal: Atoms) -> Atoms:
    """The crystal in the cell of its space group, with axes as they were given.

    Where the given axes are those of the conventional cell in another order or length, their order stays; and a larger
    cell that shows the symmetry as well, such as that with four atoms of L1_0, is taken as it is: whoever gives it
    counts Miller indices in it. Without symmetry every cell is conventional.
    """
    cell = (crystal.cell[:], crystal.get_scaled_positions(), crystal.numbers)
    found = ask_spglib("standardize_cell", cell, to_primitive=False, no_idealize=True, symprec=SAME)
    symmetry = found and ask_spglib("get_symmetry_dataset", found, symprec=SAME)
    if symmetry is None:
        return crystal
    lattice, fractions, numbers = found
    axes = crystal.cell[:] @ np.linalg.inv(lattice)  # the given ones in terms of the standard ones
    along = np.abs(axes) > 0.02
    if (along.sum(axis=0) == 1).all() and (along.sum(axis=1) == 1).all():
        turned = along * np.sign(axes)
        return Atoms(numbers, cell=turned @ lattice, scaled_positions=fractions @ turned.T, pbc=True)
    to_given = np.linalg.inv(axes.T)  # fractional coordinates are columns: x' = W x
    rotations = to_given @ symmetry.rotations @ np.linalg.inv(to_given)
    diagonal = np.abs(rotations * (1 - np.eye(3))).max() < 0.02
    exchanging = (np.isclose(np.abs(rotations), 1, atol=0.02) | np.isclose(rotations, 0, atol=0.02)).all()
    exchanging &= (np.abs(rotations).sum(axis=1) < 1.1).all()
    if diagonal or (exchanging and np.allclose(crystal.cell.angles(), 90, atol=0.1)):
        return crystal
    return Atoms(numbers, cell=lattice, scaled_positions=fractions, pbc=True)
