"""Second derivatives of the energy, from forces on structures with one atom displaced both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.progress import progress_bar

__all__ = ["Hessian", "make_hessian"]


@dataclass(frozen=True)
class Hessian:
    """Second derivatives of the energy in the positions of some atoms.

    Attributes:
        matrix: ``[3n, 3n]`` eV/Å², symmetric; x, y, z of the first atom, of the second, and so on.
        asymmetry: eV/Å², largest difference between an element and its mirror image before both were averaged: noise
            of the forces, and what of them is no gradient.
    """

    matrix: NDArray[np.float64]
    asymmetry: float

    @property
    def largest(self) -> float:
        """eV/Å², the largest element."""
        return float(np.abs(self.matrix).max())


def make_hessian(
    atoms: Atoms,
    moved: Sequence[int],
    displacement: float,
    calculator: BaseCalculator,
    store: Evaluations,
    progress: bool,
) -> Hessian:
    """Displace each atom of ``moved`` by ±``displacement`` Å along x, y and z, and take central differences.

    Forces that are not in ``store`` yet are calculated, several structures at a time.
    """
    structures = {}
    for atom in moved:
        for axis in range(3):
            for sign in (1, -1):
                displaced = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
                displaced.positions[atom, axis] += sign * displacement
                structures[f"{atom:04d}{'xyz'[axis]}{'+' if sign > 0 else '-'}"] = displaced

    def calculate(images: list[Atoms]) -> list[dict[str, NDArray[np.float64]]]:
        return [{"forces": found.forces} for found in evaluate_all(calculator, images, "displacement")]

    found = store.get_all(structures, calculate)
    bar = progress_bar(
        found, f"displacements of {len(moved)} atoms", "structures", show=progress, total=len(structures)
    )
    forces = np.array([one["forces"][list(moved)].ravel() for one in bar])
    raw = (forces[1::2] - forces[::2]) / (2 * displacement)
    return Hessian((raw + raw.T) / 2, float(np.abs(raw - raw.T).max()))
