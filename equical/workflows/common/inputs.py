"""What goes into a workflow: structures from files, checked, and the calculator to use."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError
from equical.neighbors.build import FARTHEST
from equical.structures.contacts import check_contacts
from equical.structures.elements import check_elements
from equical.structures.occupancy import check_occupancy
from equical.structures.periodicity import bonded_across
from equical.structures.read import read_structure, read_structures, select
from equical.workflows.common.notes import warn

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["check_structure", "read_structure", "read_structures", "require_atoms"]
__all__ += ["require_atoms_in", "resolve_calculator", "select"]


def check_structure(atoms: Atoms) -> None:
    """Refuse what no calculator can give a meaningful answer for.

    Warns of a structure that is not periodic although its atoms bond to their images in the lattice it has.

    Raises:
        InputError: not an ``Atoms`` object, no atoms, positions or cell that are not finite, masses that are not
            positive, periodic directions without a volume, atoms that are no element, sites occupied in part or by
            several elements, or atoms closer than any bond.
    """
    require_atoms(atoms)
    if len(atoms) == 0:
        raise InputError("the structure has no atoms")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if bad.size:
        raise InputError(f"atom {bad[0]} ({atoms.symbols[bad[0]]}) has a position that is not a finite number")
    if not (np.abs(atoms.cell.array) < FARTHEST).all():
        raise InputError(f"the cell has entries that are not finite numbers below {FARTHEST:g} Å")
    masses = atoms.get_masses()
    wrong = np.flatnonzero(~((masses > 0) & np.isfinite(masses)))
    if wrong.size:
        raise InputError(
            f"atom {wrong[0]} ({atoms.symbols[wrong[0]]}) has a mass of {masses[wrong[0]]:g}: set positive masses, in "
            "atomic mass units (atoms.set_masses)"
        )
    periodic = atoms.cell.array[atoms.pbc]
    if len(periodic) and np.linalg.matrix_rank(periodic, tol=1e-6) < len(periodic):
        raise InputError(
            "the structure is periodic along lattice vectors that are zero or linearly dependent "
            "(a cell without volume); set a proper cell, or pbc=False for a molecule"
        )
    check_elements(atoms)
    check_occupancy(atoms)
    check_contacts(atoms)
    open_axes = bonded_across(atoms)
    if open_axes:
        axes = ", ".join("abc"[axis] for axis in open_axes)
        warn(
            f"the structure is not periodic along {axes}, although its atoms bond across these faces of its cell: "
            "a piece of a crystal is computed; set pbc=True for the crystal"
        )


def require_atoms(given: Any) -> None:
    """Refuse anything but a structure.

    Raises:
        InputError: it is a path, a list, or something else; the message says how to make a structure of it.
    """
    from ase import Atoms

    if isinstance(given, Atoms):
        return
    if isinstance(given, str | PathLike):
        path = str(given)
        raise InputError(f"a structure (ase.Atoms) is wanted, not the path {path}: equical.read_structure({path!r})")
    if isinstance(given, list | tuple) and given and all(isinstance(item, Atoms) for item in given):
        raise InputError(f"one structure (ase.Atoms) is wanted, not {len(given)}: give them one by one")
    kind = f"{type(given).__module__.partition('.')[0]}'s {type(given).__name__}"
    advice = ": convert it with AseAtomsAdaptor.get_atoms" if kind.startswith("pymatgen") else ""
    raise InputError(f"a structure (ase.Atoms) is wanted, not {kind}{advice}")


def require_atoms_in(images: Any) -> None:
    """Refuse anything but a list of structures.

    Raises:
        InputError: it is a path or a single structure, or holds something else.
    """
    from ase import Atoms

    if isinstance(images, Atoms | str | PathLike):
        what = "a single one" if isinstance(images, Atoms) else f"the path {images}: equical.read_structures reads it"
        raise InputError(f"a list of structures (ase.Atoms) is wanted, not {what}")
    for atoms in images:
        require_atoms(atoms)


def resolve_calculator(
    calculator: BaseCalculator | str | PathLike[str] | None,
    atoms: Atoms | None = None,
    *,
    structures: Sequence[Atoms] | None = None,
    partly: bool = False,
) -> BaseCalculator:
    """The calculator to work with, its model decided on where there is something to decide by.

    Args:
        calculator: an ASE calculator, used as it is; or the name or folder of a model for ``EquiCalc``; or None for
            the calculator attached to ``atoms``, and where there is none, the shipped model that is made for them.
        atoms: a structure whose calculator may be used. Results read from a file (``SinglePointCalculator``) do not
            count: they cannot follow moving atoms.
        structures: what will be computed, for the choice of a model; by default ``atoms``.
        partly: be content with a model that is made for the most of them.

    Raises:
        InputError: what was given is no calculator, or names no model; ``atoms`` is no structure; or no shipped model
            is made for them.
    """
    from ase.calculators.singlepoint import SinglePointCalculator

    if atoms is not None:
        require_atoms(atoms)
        if calculator is None and not isinstance(atoms.calc, SinglePointCalculator):
            calculator = atoms.calc
    if calculator is None or isinstance(calculator, str | PathLike):
        from equical.calculator import EquiCalc

        calculator = EquiCalc() if calculator is None else EquiCalc(calculator)
    if not hasattr(calculator, "get_property"):
        raise InputError(f"expected an ASE calculator or the name of a model, got {type(calculator).__name__}")
    choose = getattr(calculator, "choose", None)
    images = structures if structures is not None or atoms is None else [atoms]
    if choose is not None and images:
        choose(images, partly=partly)
    return calculator
