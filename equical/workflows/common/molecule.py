"""Molecules that nothing holds: in one piece, of what shape, and how they move without changing it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.structures.vacuum import VACUUM, empty_layers

__all__ = ["Geometry", "as_molecule", "geometry_of", "rigid_motions"]

Geometry = Literal["monatomic", "linear", "nonlinear"]

STRAIGHT = 0.03
"""Å. A molecule is linear whose atoms are all this close to its axis."""


def as_molecule(atoms: Atoms) -> Atoms | None:
    """The structure in one piece and without periodicity where it has vacuum on all sides, else None."""
    molecule = atoms.copy()
    molecule.calc = None
    molecule.set_constraint()
    if not atoms.pbc.any():
        return molecule
    periodic = np.flatnonzero(atoms.pbc)
    if not atoms.pbc.all():
        molecule.set_cell(atoms.cell.complete())
    if (empty_layers(molecule)[periodic] <= VACUUM).any():
        return None
    fractions = molecule.get_scaled_positions(wrap=False)
    for axis in periodic:  # cut where the vacuum is widest
        inside = fractions[:, axis] % 1
        levels = np.sort(inside)
        start = levels[(np.diff(levels, append=levels[0] + 1).argmax() + 1) % len(levels)]
        fractions[:, axis] = (inside - start) % 1
    molecule.set_scaled_positions(fractions)
    molecule.positions += atoms.positions[0] - molecule.positions[0]
    molecule.set_cell(None)
    molecule.pbc = False
    return molecule


def geometry_of(molecule: Atoms) -> Geometry:
    """Whether the atoms of a molecule are one, on a line, or neither.

    >>> from ase.build import molecule
    >>> geometry_of(molecule("CO2")), geometry_of(molecule("H2O"))
    ('linear', 'nonlinear')
    """
    if len(molecule) == 1:
        return "monatomic"
    centred = molecule.positions - molecule.positions.mean(axis=0)
    axis = np.linalg.svd(centred)[2][0]
    off_axis = np.linalg.norm(centred - np.outer(centred @ axis, axis), axis=1).max()
    return "linear" if off_axis < STRAIGHT else "nonlinear"


def rigid_motions(atoms: Atoms, molecule: Atoms | None) -> NDArray[np.float64]:
    """Mass-weighted displacements that cost no energy where all atoms may move.

    Args:
        atoms: the structure, whose positions along all of x, y and z do not matter.
        molecule: the same in one piece, if it is a free molecule and can be turned.

    Returns:
        ``[R, 3N]`` orthonormal rows: three translations, and of a molecule two or three rotations.
    """
    weights = np.sqrt(atoms.get_masses())[:, None]
    motions = [weights * direction for direction in np.eye(3)]
    if molecule is not None and len(molecule) > 1:
        arms = molecule.positions - molecule.get_center_of_mass()
        axes = np.linalg.svd(arms)[2]  # the first is that of a linear molecule, about which nothing turns
        turned = axes[1:] if geometry_of(molecule) == "linear" else axes
        motions += [weights * np.cross(axis, arms) for axis in turned]
    return np.linalg.qr(np.array(motions).reshape(len(motions), -1).T)[0].T
