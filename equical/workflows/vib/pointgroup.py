"""Point groups of molecules: by trying all operations that two of its atoms allow.

spglib knows those of crystals alone: no fivefold axis, and no axis of infinite order.
"""

from __future__ import annotations

from fractions import Fraction
from math import pi

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.molecule import geometry_of

__all__ = ["point_group"]

TOLERANCE = 0.05
"""Å. How far an operation may leave an atom from one of its kind."""


def point_group(molecule: Atoms, tolerance: float = TOLERANCE) -> tuple[str, int]:
    """Schoenflies symbol and symmetry number, the number of rotations that change nothing. Isotopes are told apart.

    >>> from ase.build import molecule
    >>> [point_group(molecule(name)) for name in ("H2O", "NH3", "CH4", "C6H6", "CO", "C2H2")]
    [('C2v', 2), ('C3v', 3), ('Td', 12), ('D6h', 12), ('C∞v', 1), ('D∞h', 2)]
    """
    geometry = geometry_of(molecule)
    if geometry == "monatomic":
        return "Kh", 1
    positions = molecule.positions - molecule.get_center_of_mass()
    kinds = np.column_stack([molecule.numbers, molecule.get_masses().round(4)])
    if geometry == "linear":
        return ("D∞h", 2) if _maps(-np.eye(3), positions, kinds, tolerance) else ("C∞v", 1)
    operations = _operations(positions, kinds, tolerance)
    rotations = [operation for operation in operations if np.linalg.det(operation) > 0]
    return _symbol(operations, rotations), len(rotations)


def _operations(
    positions: NDArray[np.float64], kinds: NDArray[np.float64], tolerance: float
) -> list[NDArray[np.float64]]:
    """``[3, 3]`` rotations and reflections about the origin that map a molecule, which is not linear, onto itself."""
    radii = np.linalg.norm(positions, axis=1)
    alike = (kinds[:, None] == kinds).all(axis=2) & (np.abs(radii[:, None] - radii) < tolerance)
    rarest = np.argsort(alike.sum(axis=1), kind="stable")
    first = next(atom for atom in rarest if radii[atom] > 5 * tolerance)
    away = np.linalg.norm(np.cross(positions, positions[first]), axis=1) / radii[first]
    second = next(atom for atom in rarest if away[atom] > min(5 * tolerance, 0.5 * away.max()))
    apart = np.linalg.norm(positions[first] - positions[second])
    frame = _frame(positions[first], positions[second])
    found = []
    for a in np.flatnonzero(alike[first]):
        for b in np.flatnonzero(alike[second]):
            if a == b or abs(np.linalg.norm(positions[a] - positions[b]) - apart) > 2 * tolerance:
                continue
            image = _frame(positions[a], positions[b])
            for handedness in (1, -1):
                operation = (image * [1, 1, handedness]) @ frame.T
                if _maps(operation, positions, kinds, tolerance):
                    found.append(operation)
    return found


def _frame(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[3, 3]`` orthonormal columns: along a, along what of b is across it, and normal to both."""
    x = a / np.linalg.norm(a)
    y = b - (b @ x) * x
    y /= np.linalg.norm(y)
    return np.column_stack([x, y, np.cross(x, y)])


def _maps(
    operation: NDArray[np.float64], positions: NDArray[np.float64], kinds: NDArray[np.float64], tolerance: float
) -> bool:
    """Whether an operation carries every atom to one of its kind, no two to the same."""
    apart = np.linalg.norm((positions @ operation.T)[:, None] - positions, axis=2)
    apart[(kinds[:, None] != kinds).any(axis=2)] = np.inf
    return bool((apart.min(axis=1) < tolerance).all() and len(set(apart.argmin(axis=1))) == len(positions))


def _symbol(operations: list[NDArray[np.float64]], rotations: list[NDArray[np.float64]]) -> str:
    """Name a finite group by its rotations, and by what it has beside them."""
    proper, orders = len(rotations), [_order(rotation) for rotation in rotations]
    highest = max(orders)
    beside = len(operations) > proper
    inversion = any(np.trace(operation) < -2.9 for operation in operations)
    if proper == 12 and highest == 3:
        return "T" if not beside else "Th" if inversion else "Td"
    if proper == 24 and highest == 4:
        return "Oh" if beside else "O"
    if proper == 60 and highest == 5:
        return "Ih" if beside else "I"
    mirrors = [_axis(-one) for one in operations if np.linalg.det(one) < 0 and abs(np.trace(one) - 1) < 0.1]
    main = [_axis(rotation) for rotation, order in zip(rotations, orders, strict=True) if order == highest > 1]
    across = any(abs(normal @ axis) > 0.99 for normal in mirrors for axis in main)
    if proper == highest:  # one axis alone
        if highest == 1:
            return "Cs" if mirrors else "Ci" if beside else "C1"
        return (
            f"C{highest}h" if across else f"C{highest}v" if mirrors else f"S{2 * highest}" if beside else f"C{highest}"
        )
    return f"D{highest}{'h' if across else 'd' if beside else ''}"


def _order(rotation: NDArray[np.float64]) -> int:
    """How often a rotation must be repeated to change nothing."""
    turn = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)) / (2 * pi)
    return Fraction(float(turn)).limit_denominator(12).denominator


def _axis(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[3]`` the direction that a rotation, which is not the identity, leaves alone."""
    return np.linalg.svd(rotation - np.eye(3))[2][2]
