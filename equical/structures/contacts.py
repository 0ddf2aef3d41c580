"""Atoms closer to each other than any bond: doubled by a slip, or lengths in another unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.neighbors.build import pairs_within

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["bond_lengths", "check_contacts"]

FLOOR = 0.5
"""Å. Not even protons are closer: a bond of hydrogen is 0.74 Å long."""

SHARE = 0.4
"""Of the sum of covalent radii. Alkali metals in data of extreme pressure come down to 0.44."""


def bond_lengths(numbers: NDArray[np.int64], receiver: NDArray[np.int64], sender: NDArray[np.int64]) -> NDArray:
    """Å, the sum of the covalent radii of each pair."""
    from ase.data import covalent_radii

    return covalent_radii[numbers[receiver]] + covalent_radii[numbers[sender]]


def check_contacts(atoms: Atoms) -> None:
    """Refuse atoms closer than ``FLOOR``, or than ``SHARE`` of the sum of their covalent radii.

    Raises:
        InputError: there are such atoms; the message names the closest pair.
    """
    from ase.data import covalent_radii

    most = max(FLOOR, 2 * SHARE * float(covalent_radii[atoms.numbers].max()))
    receiver, sender, shift, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, most)
    limit = np.maximum(FLOOR, SHARE * bond_lengths(atoms.numbers, receiver, sender))
    near = distance < limit
    if not near.any():
        return
    worst = int(np.flatnonzero(near)[np.argmin((distance / limit)[near])])
    i, j = sorted((int(receiver[worst]), int(sender[worst])))
    first, second = f"atom {i} ({atoms.symbols[i]})", f"atom {j} ({atoms.symbols[j]})"
    if i == j:
        which = f"{first} and its own periodic image"
    else:
        which = f"{first} and {second}{' of another cell' if shift[worst].any() else ''}"
    crowded = len(set(receiver[near].tolist()))
    raise InputError(
        f"{which} are {distance[worst]:.2g} Å apart, closer than any bond: {_advice(atoms, i, j, crowded)}"
    )


def _advice(atoms: Atoms, i: int, j: int, crowded: int) -> str:
    """What to do about a pair of atoms, with so many atoms in all that have come too close to another."""
    kinds = atoms.arrays.get("spacegroup_kinds")
    if kinds is not None and kinds[i] == kinds[j] and i != j:
        return (
            "symmetry has made several atoms of one, for lack of digits in the file: write 0.333333 for 0.333, "
            "and 0.666667 for 0.667"
        )
    if crowded == len(atoms) and i == j:
        return "the cell is too small for it; are lengths in Å?"
    if crowded == len(atoms) and len(atoms) > 2:
        return "so is every atom; are lengths in Å, and not in nm or fractions of the cell?"
    if atoms.numbers[i] == atoms.numbers[j]:
        return "remove one of them, or correct its position"
    return "correct a position, or remove one of them if the site is shared"
