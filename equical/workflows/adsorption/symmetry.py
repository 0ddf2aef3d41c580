"""Symmetry operations of a surface: those of the slab that keep its normal, elements of all layers included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from equical.workflows.adsorption.slabs import fixed_atoms
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["SurfaceSymmetry", "primitive_surface"]

MATCH = 0.2
"""Å. Adsorbate positions that an operation brings this close together count as the same."""


@dataclass(frozen=True)
class SurfaceSymmetry:
    """Operations ``x → rotation · x + translation`` that map a slab onto itself without turning it upside down.

    They are those of the smallest cell that repeats: the shape of a supercell lowers no symmetry.

    Attributes:
        cell: ``[2, 2]`` Å, rows are the shortest lattice vectors of the surface.
        rotations: ``[G, 2, 2]`` Cartesian rotations and reflections in the surface plane.
        translations: ``[G, 2]`` Å, in the surface plane.
    """

    cell: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray

    @classmethod
    def of(cls, slab: Atoms, tolerance: float = 0.1) -> SurfaceSymmetry:
        """Find the operations with spglib.

        Args:
            slab: surface normal along z. Frozen atoms are told apart from free ones.
            tolerance: Å, how far an atom may be from its symmetric image.
        """
        slab = primitive_surface(slab, tolerance)
        cell, rotations, translations = _space_group(slab, tolerance)
        # Fractional operations act on columns: x' = W x + w with r = cellᵀ x.
        to_cartesian, to_fraction = cell.T, np.linalg.inv(cell.T)
        cartesian = to_cartesian @ rotations @ to_fraction
        keeps_up = cartesian[:, 2, 2] > 0.5
        shifts = translations @ cell
        return cls(cell[:2, :2], cartesian[keeps_up, :2, :2], shifts[keeps_up, :2])

    def equivalent(self, a: np.ndarray, b: np.ndarray, kinds: Sequence[int] | None = None) -> bool:
        """Whether some operation maps one set of points onto another.

        Args:
            a: ``[K, 3]`` Å.
            b: ``[K, 3]`` Å.
            kinds: ``[K]``, such as atomic numbers; points are only mapped onto points of their own kind.
        """
        kind = np.zeros(len(a)) if kinds is None else np.asarray(kinds)
        images = np.einsum("gxy,ky->gkx", self.rotations, a[:, :2]) + self.translations[:, None]
        # The first point must land on some b; one lattice vector then carries all the others along.
        inverse = np.linalg.inv(self.cell)
        for target in np.flatnonzero(kind == kind[0]):
            apart = b[target, :2] - images[:, 0]
            moved = images + (np.round(apart @ inverse) @ self.cell)[:, None]
            lateral = np.linalg.norm(moved[:, :, None] - b[None, None, :, :2], axis=-1)
            height = np.abs(a[:, None, 2] - b[None, :, 2])
            close = (lateral < MATCH) & (height < MATCH) & (kind[:, None] == kind)
            if (close.any(axis=2).all(axis=1) & close.any(axis=1).all(axis=1)).any():
                return True
        return False


def primitive_surface(slab: Atoms, tolerance: float = 0.1) -> Atoms:
    """Cut a slab down to the smallest cell that repeats in the surface plane.

    Args:
        slab: surface normal along z.
        tolerance: Å, how far repeating atoms may be from where the lattice wants them.

    Returns:
        A slab with the shortest lattice vectors in the surface plane, right-handed with the third one. Its atoms are
        averages over those that repeat, and frozen where these are held by any constraint.
    """
    cell, rotations, translations = _space_group(slab, tolerance)
    pure = translations[(rotations == np.eye(3)).all(axis=(1, 2))] @ cell
    lattice = _reduced(np.concatenate([pure[:, :2], cell[:2, :2]]))
    lattice_cell = slab.cell[:].copy()
    lattice_cell[:2] = 0
    lattice_cell[:2, :2] = lattice
    kept: list[int] = []
    offsets: list[list[np.ndarray]] = []  # of the atoms that repeat each kept one
    inverse = np.linalg.inv(lattice)
    for atom, position in enumerate(slab.positions):
        apart = position - slab.positions[kept]
        apart[:, :2] -= np.round(apart[:, :2] @ inverse) @ lattice
        distance = np.linalg.norm(apart, axis=1)
        if distance.min(initial=np.inf) < 2 * tolerance:
            offsets[int(distance.argmin())].append(apart[distance.argmin()])
        else:
            kept.append(atom)
            offsets.append([np.zeros(3)])
    primitive = slab[kept]
    primitive.set_constraint()
    primitive.positions += [np.mean(group, axis=0) for group in offsets]
    primitive.set_cell(lattice_cell)
    primitive.wrap(pbc=[True, True, False])
    frozen = np.flatnonzero(fixed_atoms(slab)[kept])
    primitive.set_constraint(FixAtoms(frozen) if len(frozen) else None)
    return primitive


def _reduced(vectors: np.ndarray) -> np.ndarray:
    """``[2, 2]`` shortest basis, right-handed, of the lattice that vectors ``[K, 2]`` (a basis among them) span.

    The vectors are a complete set of lattice points of the cell spanned by the last two, so the two shortest sums of
    them that are not parallel are the basis.
    """
    shifts = np.array([a * vectors[-2] + b * vectors[-1] for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2)])
    points = (vectors[:, None] + shifts).reshape(-1, 2)
    lengths = np.linalg.norm(points, axis=1)
    points = points[lengths > 0.5]
    # Rounding makes the choice among equally short vectors independent of numerical noise.
    order = np.lexsort((-points[:, 0].round(2), -points[:, 1].round(2), np.linalg.norm(points, axis=1).round(2)))
    points = points[order]
    first = points[0]
    cross = first[0] * points[:, 1] - first[1] * points[:, 0]
    return np.array([first, points[np.flatnonzero(cross > 0.1 * np.linalg.norm(first))[0]]])


def _space_group(slab: Atoms, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Operations of a slab as spglib finds them, the identity alone where it finds nothing.

    Returns:
        The cell ``[3, 3]`` Å they refer to, fractional rotations ``[G, 3, 3]`` and translations ``[G, 3]``.
    """
    cell = slab.cell[:].copy()
    cell[2] = [0, 0, np.ptp(slab.positions[:, 2]) + 20.0]  # a tilted third vector would hide rotations
    fractions = slab.positions @ np.linalg.inv(cell)
    kinds = slab.numbers + 1000 * fixed_atoms(slab)
    for attempt in (tolerance, tolerance / 10, tolerance / 1000):
        found = ask_spglib("get_symmetry_dataset", (cell, fractions, kinds), symprec=attempt)
        if found is not None:
            return cell, found.rotations.astype(float), found.translations
    return cell, np.eye(3)[None], np.zeros((1, 3))
