"""A lattice that is there although the structure says that it is not periodic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from equical.neighbors.build import pairs_within
from equical.structures.contacts import bond_lengths

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["bonded_across"]

BOND = 1.25
"""Times the sum of covalent radii: the longest distance that is taken for a bond."""

CRUSHED = 0.6
"""Times the sum of covalent radii: shorter ones across a face mean a box around a molecule, not a lattice."""


def bonded_across(atoms: Atoms) -> list[int]:
    """Lattice vectors along which the structure is not periodic although its atoms would bond to their images.

    A molecule in a box keeps its distance from its images, or comes too close to them where the box is drawn tightly
    around it. The atoms of a crystal are as far from their images as from each other.

    Returns:
        Numbers of lattice vectors, 0 to 2.
    """
    from ase.data import covalent_radii

    has_vector = np.linalg.norm(atoms.cell.array, axis=1) > 1e-6
    periodic = atoms.pbc | has_vector
    vectors = atoms.cell.array[periodic]
    if (periodic == atoms.pbc).all() or np.linalg.matrix_rank(vectors, tol=1e-6) < len(vectors):
        return []
    spacing = _spacing(atoms)
    longest = max(2 * BOND * float(covalent_radii[atoms.numbers].max()), spacing)
    receiver, sender, shift, distance = pairs_within(atoms.positions, atoms.cell.array, periodic, longest)
    ratio = distance / bond_lengths(atoms.numbers, receiver, sender)
    across = (shift != 0) & ~atoms.pbc
    if (ratio[across.any(axis=1)] < CRUSHED).any():
        return []
    bonded = (ratio < BOND) | (distance < spacing)
    return [int(axis) for axis in np.flatnonzero(across[bonded].any(axis=0))]


def _spacing(atoms: Atoms) -> float:
    """Å, a little more than the median distance to the nearest neighbour; noble gases are not held by bonds.

    Zero for molecules and small clusters, in which it says nothing about what is between them.
    """
    from ase.geometry import get_distances

    if len(atoms) < 4 or len(set(atoms.numbers.tolist())) > 1 or len(atoms) > 500:
        return 0.0
    distances = get_distances(atoms.positions)[1] + np.diag(np.full(len(atoms), np.inf))
    return 1.1 * float(np.median(distances.min(axis=1)))
