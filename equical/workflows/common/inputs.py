"""What goes into a workflow: structures from files, checked, and the calculator to use."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["check_structure", "read_structure", "read_structures", "resolve_calculator", "select"]


def read_structures(path: str | PathLike[str]) -> list[Atoms]:
    """Every structure in a file of any format ASE reads.

    Raises:
        InputError: the file is missing, unreadable, or holds no structure.
    """
    from ase.io import read

    path = Path(path)
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a structure file")
    try:
        images = read(path, index=":")
    except Exception as error:  # ASE's readers raise whatever their parsing stumbles over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read a structure from {path}: {reason}") from error
    if not images:
        raise InputError(f"{path} holds no structure")
    return images


def select(images: list[Atoms], index: str) -> list[Atoms]:
    """Pick structures by an index or slice in Python's notation.

    >>> select(["a", "b", "c"], "-1"), select(["a", "b", "c"], "1:")
    (['c'], ['b', 'c'])
    """
    try:
        parts = [int(part) if part.strip() else None for part in index.split(":")]
        picked = images[slice(*parts)] if ":" in index else [images[int(index)]]
    except (ValueError, TypeError):
        raise InputError(f"index {index!r} is neither a number nor a slice such as 0, -1, 2:5 or ::10") from None
    except IndexError:
        raise InputError(f"there is no structure {index}; the file holds {len(images)}") from None
    if not picked:
        raise InputError(f"index {index!r} selects nothing of {len(images)} structures")
    return picked


def read_structure(path: str | PathLike[str], index: int = -1) -> Atoms:
    """One structure of a file, by default the last.

    Raises:
        InputError: as :func:`read_structures`, or there is no structure of that index.
    """
    (image,) = select(read_structures(path), str(index))
    return image


def check_structure(atoms: Atoms) -> None:
    """Refuse what no calculator can give a meaningful answer for.

    Raises:
        InputError: no atoms, positions or cell that are not finite, or periodic directions without a volume.
    """
    if len(atoms) == 0:
        raise InputError("the structure has no atoms")
    bad = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if bad.size:
        raise InputError(f"atom {bad[0]} ({atoms.symbols[bad[0]]}) has a position that is not a finite number")
    if not np.isfinite(atoms.cell.array).all():
        raise InputError("the cell has entries that are not finite numbers")
    periodic = atoms.cell.array[atoms.pbc]
    if len(periodic) and np.linalg.matrix_rank(periodic, tol=1e-6) < len(periodic):
        raise InputError(
            "the structure is periodic along lattice vectors that are zero or linearly dependent "
            "(a cell without volume); set a proper cell, or pbc=False for a molecule"
        )


def resolve_calculator(
    calculator: BaseCalculator | str | PathLike[str] | None, atoms: Atoms | None = None, default: str | None = None
) -> BaseCalculator:
    """The calculator to work with.

    Args:
        calculator: an ASE calculator, used as it is; or the name or folder of a model for ``EquiCalc``; or None for
            the calculator attached to ``atoms``, and where there is none, the default model.
        atoms: a structure whose calculator may be used. Results read from a file (``SinglePointCalculator``) do not
            count: they cannot follow moving atoms.
        default: name of the default model, where it is not that of ``EquiCalc``.

    Raises:
        InputError: what was given is no calculator, or names no model.
    """
    from ase.calculators.singlepoint import SinglePointCalculator

    if calculator is None and atoms is not None and not isinstance(atoms.calc, SinglePointCalculator):
        calculator = atoms.calc
    if calculator is None or isinstance(calculator, str | PathLike):
        from equical.calculator import EquiCalc

        model = default if calculator is None else calculator
        return EquiCalc() if model is None else EquiCalc(model)
    if not hasattr(calculator, "get_property"):
        raise InputError(f"expected an ASE calculator or the name of a model, got {type(calculator).__name__}")
    return calculator
