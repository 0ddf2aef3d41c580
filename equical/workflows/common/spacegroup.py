"""The space group of a structure, as spglib finds it."""

import warnings
from typing import Any

from ase import Atoms

__all__ = ["SYMPREC", "ask_spglib", "space_group"]

SYMPREC = 0.01
"""Å. Positions and lattice vectors that agree this well count as equivalent."""


def space_group(atoms: Atoms, symprec: float = SYMPREC) -> str | None:
    """International symbol and number, such as ``"Fm-3m (225)"``.

    Args:
        atoms: the structure.
        symprec: Å, tolerance of the search.

    Returns:
        The space group, or None for a structure that is not periodic in three directions or in which spglib finds none.

    >>> from ase.build import bulk
    >>> space_group(bulk("Cu"))
    'Fm-3m (225)'
    """
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        return None
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    found = ask_spglib("get_symmetry_dataset", cell, symprec=symprec)
    return None if found is None else f"{found.international} ({found.number})"


def ask_spglib(function: str, about: tuple[Any, ...] | int, **options: Any) -> Any:
    """Call a function of spglib.

    Args:
        function: its name.
        about: number of a Hall symbol in its tables; or a cell: lattice vectors ``[3, 3]`` Å, fractional positions
            ``[N, 3]``, and a number for each kind of atom ``[N]``.
        **options: such as ``symprec``.

    Returns:
        What it found; None where it found nothing, which it tells by a warning, an exception or None.
    """
    import spglib

    with warnings.catch_warnings():  # spglib announces that a failed search will one day be an exception
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return getattr(spglib, function)(about, **options)
        except Exception as error:  # the class it raises depends on its version
            if type(error).__module__.partition(".")[0] != "spglib":
                raise
            return None
