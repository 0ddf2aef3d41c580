"""The space group of a structure, as spglib finds it."""

import warnings

from ase import Atoms

__all__ = ["SYMPREC", "space_group"]

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
    import spglib

    if not atoms.pbc.all() or atoms.cell.rank < 3:
        return None
    with warnings.catch_warnings():  # spglib announces that a failed search will one day be an exception
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = spglib.get_symmetry_dataset(
                (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=symprec
            )
        except Exception as error:  # the class it raises depends on its version
            if type(error).__module__.partition(".")[0] != "spglib":
                raise
            return None
    return None if found is None else f"{found.international} ({found.number})"
