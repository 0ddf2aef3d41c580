"""The stiffness matrix fitted to stresses; its moduli, its stability, its form in other axes and under symmetry.

Voigt order is xx, yy, zz, yz, xz, xy. Strains are engineering strains (the last three are twice the tensor components),
so that the entries of the stiffness matrix are those of the tensor, C_IJ = C_ijkl.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.spacegroup import ask_spglib, space_group

__all__ = [
    "COMPONENTS",
    "KELVIN_WEIGHT",
    "VOIGT",
    "CrystalSymmetry",
    "ElasticModuli",
    "crystal_symmetry",
    "elastic_moduli",
    "fit_slopes",
    "kelvin_moduli",
    "rotate_stiffness",
    "symmetrize_stiffness",
]

Matrix = NDArray[np.float64]

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Cartesian index pair of each Voigt index."""

COMPONENTS = ("xx", "yy", "zz", "yz", "xz", "xy")
"""Name of each Voigt index."""

KELVIN_WEIGHT: Matrix = np.sqrt(np.outer([1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]))
"""What makes a matrix of Voigt's notation one of Kelvin's, whose eigenvalues are the same in any axes."""

FIRST_CUBIC = 195
"""Number of the first of the cubic space groups, which are the last ones."""

_VOIGT_INDEX = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


def fit_slopes(strains: Matrix, stresses: Matrix, reference_stress: Matrix) -> tuple[Matrix, Matrix]:
    """Slope of each stress component with each strain mode.

    Args:
        strains: ``[S]`` amounts, symmetric about zero.
        stresses: ``[6, S, 6]`` stress for each mode and amount.
        reference_stress: ``[6]`` stress without strain.

    Returns:
        ``[6, 6]`` slopes (row: stress, column: strain mode) in the unit of stress, and ``[6]`` the root mean square of
        stress minus fit for each mode, relative to the largest change of stress in it.
    """
    amounts = np.append(strains, 0.0) / strains.max()
    design = np.stack([np.ones_like(amounts), amounts, amounts**2], axis=1)
    slopes, residual = np.empty((6, 6)), np.empty(6)
    for mode in range(6):
        change = np.vstack([stresses[mode] - reference_stress, np.zeros(6)])
        coefficients = np.linalg.lstsq(design, change, rcond=None)[0]
        slopes[:, mode] = coefficients[1] / strains.max()
        rms = np.sqrt(np.mean((change - design @ coefficients) ** 2))
        residual[mode] = rms / max(np.abs(change).max(), np.finfo(float).tiny)
    return slopes, residual


@dataclass(frozen=True)
class ElasticModuli:
    """Moduli of a polycrystal, GPa except for Poisson's ratio and the anisotropy, which are pure numbers.

    Voigt assumes the same strain in all grains (upper bounds), Reuss the same stress (lower bounds), Hill takes the
    mean of the two: R. Hill, Proc. Phys. Soc. A 65, 349 (1952). Young's modulus and Poisson's ratio are those of Hill's
    averages. ``anisotropy`` is the universal index 5 G_V/G_R + K_V/K_R − 6, zero for an isotropic crystal:
    S. I. Ranganathan and M. Ostoja-Starzewski, Phys. Rev. Lett. 101, 055504 (2008).
    """

    bulk_voigt: float
    bulk_reuss: float
    bulk_hill: float
    shear_voigt: float
    shear_reuss: float
    shear_hill: float
    young: float
    poisson: float
    anisotropy: float


def elastic_moduli(stiffness: Matrix) -> ElasticModuli:
    """Voigt, Reuss and Hill averages of a positive definite stiffness matrix ``[6, 6]`` in GPa."""
    c = stiffness
    s = np.linalg.inv(stiffness)
    bulk_voigt = c[:3, :3].sum() / 9
    bulk_reuss = 1 / s[:3, :3].sum()
    normal, shear = np.trace(c[:3, :3]), np.trace(c[3:, 3:])
    coupling = c[0, 1] + c[1, 2] + c[0, 2]
    shear_voigt = (normal - coupling + 3 * shear) / 15
    s_coupling = s[0, 1] + s[1, 2] + s[0, 2]
    shear_reuss = 15 / (4 * np.trace(s[:3, :3]) - 4 * s_coupling + 3 * np.trace(s[3:, 3:]))
    bulk, rigidity = (bulk_voigt + bulk_reuss) / 2, (shear_voigt + shear_reuss) / 2
    values = (
        bulk_voigt,
        bulk_reuss,
        bulk,
        shear_voigt,
        shear_reuss,
        rigidity,
        9 * bulk * rigidity / (3 * bulk + rigidity),
        (3 * bulk - 2 * rigidity) / (2 * (3 * bulk + rigidity)),
        5 * shear_voigt / shear_reuss + bulk_voigt / bulk_reuss - 6,
    )
    return ElasticModuli(*(float(value) for value in values))


def kelvin_moduli(stiffness: Matrix) -> NDArray[np.float64]:
    """Eigenvalues ``[6]`` of the stiffness in ascending order, the same in any axes (Kelvin's notation).

    Born's criterion, without external stress: the crystal is stable where all of them are positive
    (F. Mouhat and F.-X. Coudert, Phys. Rev. B 90, 224104 (2014)).
    """
    return np.asarray(np.linalg.eigvalsh(stiffness * KELVIN_WEIGHT), dtype=np.float64)


@dataclass(frozen=True)
class CrystalSymmetry:
    """Symmetry of a crystal, in the Cartesian axes of its input.

    Attributes:
        space_group: international symbol and number, such as ``"Fm-3m (225)"``.
        cubic: whether it is one of the cubic ones.
        rotations: ``[R, 3, 3]`` orthogonal matrices of the point group.
        to_standard: ``[3, 3]`` rotation from the input's axes to those of spglib's standard conventional cell
            (a along x, b in the xy plane).
    """

    space_group: str
    cubic: bool
    rotations: Matrix
    to_standard: Matrix


def crystal_symmetry(atoms: Atoms, symprec: float) -> CrystalSymmetry:
    """Find the symmetry of a crystal with spglib, within ``symprec`` Å."""
    symbol = space_group(atoms, symprec)
    if symbol is None:
        return CrystalSymmetry("P1 (1)", False, np.eye(3)[None], np.eye(3))
    cell = atoms.cell[:]
    dataset = ask_spglib("get_symmetry_dataset", (cell, atoms.get_scaled_positions(), atoms.numbers), symprec=symprec)
    unique = np.unique(dataset.rotations, axis=0)
    rotations = np.array([_orthogonal(cell.T @ w @ np.linalg.inv(cell.T)) for w in unique])
    return CrystalSymmetry(symbol, dataset.number >= FIRST_CUBIC, rotations, _orthogonal(dataset.std_rotation_matrix))


def _orthogonal(matrix: Matrix) -> Matrix:
    """The orthogonal matrix nearest to one that is so but for the tolerance of the symmetry search."""
    u, _, vt = np.linalg.svd(matrix)
    return u @ vt


def rotate_stiffness(stiffness: Matrix, rotation: Matrix) -> Matrix:
    """The stiffness matrix ``[6, 6]`` of the crystal after ``rotation`` (or, seen from it, in the rotated axes)."""
    tensor = stiffness[_VOIGT_INDEX[:, :, None, None], _VOIGT_INDEX[None, None]]
    turned = np.einsum("ai,bj,ck,dl,ijkl->abcd", rotation, rotation, rotation, rotation, tensor, optimize=True)
    first, second = np.transpose(VOIGT)
    return turned[first[:, None], second[:, None], first[None], second[None]]


def symmetrize_stiffness(stiffness: Matrix, rotations: Matrix) -> Matrix:
    """Average over ``C_IJ = C_JI`` and the rotations ``[R, 3, 3]`` of the point group."""
    symmetric = (stiffness + stiffness.T) / 2
    return np.mean([rotate_stiffness(symmetric, rotation) for rotation in rotations], axis=0)
