"""A crystal relaxed for phonons, cell and ions, in the form that is kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from equical.workflows.common.evaluations import Arrays
from equical.workflows.phonon.judgement import LARGEST_FORCE
from equical.workflows.relax import CellMode, relax

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["LARGEST_STRESS", "as_atoms", "relaxed_arrays"]

LARGEST_STRESS = 0.02
"""GPa. Relaxations go on until no stress component that they can change is larger."""


def relaxed_arrays(atoms: Atoms, calculator: BaseCalculator, cell: CellMode) -> dict[str, object]:
    """Relax within the space group, and return what :func:`as_atoms` makes the structure of."""
    relaxed = relax(atoms, calculator, fmax=LARGEST_FORCE / 2, smax=LARGEST_STRESS, cell=cell, symmetry=True)
    return {
        "positions": relaxed.atoms.positions,
        "cell": relaxed.atoms.cell[:],
        "energy": relaxed.energy,
        "forces": relaxed.atoms.get_forces(apply_constraint=False),
        "converged": relaxed.converged,
    }


def as_atoms(start: Atoms, relaxed: Arrays) -> Atoms:
    """The structure that ``start`` was relaxed to, with its energy and forces."""
    atoms = start.copy()
    atoms.set_cell(relaxed["cell"])
    atoms.set_positions(relaxed["positions"])
    atoms.calc = SinglePointCalculator(atoms, energy=float(relaxed["energy"]), forces=relaxed["forces"])
    return atoms
