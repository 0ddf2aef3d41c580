"""Forces on displaced supercells, calculated one by one and kept, and the force constants phonopy makes of them."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.cells import guess_primitive_matrix
from tqdm import tqdm

from equical.errors import InputError
from equical.neighbors.cells import heights
from equical.workflows.common.crystal import largest_force
from equical.workflows.common.evaluations import Evaluations

__all__ = ["ForceConstants", "displaced_supercells", "make_force_constants", "repeats_for_length"]


@dataclass(frozen=True)
class ForceConstants:
    """What the forces say about themselves; the force constants are in the ``Phonopy`` object.

    Attributes:
        residual_force: eV/Å, largest force in the supercell without displacement, subtracted from all others.
        sum_rule_violation: eV/Å², largest |Σ_j Φ_ij| before the acoustic sum rule was imposed: what a rigid shift of
            the crystal would cost.
        largest: eV/Å², the largest force constant, to compare with.
    """

    residual_force: float
    sum_rule_violation: float
    largest: float


def repeats_for_length(cell: NDArray[np.float64], min_length: float) -> tuple[int, int, int]:
    """Fewest repeats along each vector that put opposite faces of the supercell ``min_length`` Å apart."""
    n = [max(1, math.ceil(min_length / height - 1e-6)) for height in heights(cell)]
    return n[0], n[1], n[2]


def displaced_supercells(
    crystal: Atoms, supercell: tuple[int, int, int], displacement: float, symprec: float
) -> Phonopy:
    """Set up phonopy with the symmetry-inequivalent displacements of ``displacement`` Å."""
    cell = PhonopyAtoms(
        numbers=crystal.numbers,
        cell=crystal.cell[:],
        scaled_positions=crystal.get_scaled_positions(wrap=False),
        masses=crystal.get_masses(),
    )
    primitive = guess_primitive_matrix(cell, symprec=symprec)
    with warnings.catch_warnings():  # of a supercell of lower symmetry, which the caller tells in its own words
        warnings.filterwarnings("ignore", message="Warning: Point group symmetries")
        phonopy = Phonopy(cell, np.diag(supercell), primitive_matrix=primitive, symprec=symprec)
    phonopy.generate_displacements(distance=displacement)
    return phonopy


def make_force_constants(
    phonopy: Phonopy, calculator: BaseCalculator, store: Evaluations, quiet: bool
) -> ForceConstants:
    """Calculate the forces that are not in ``store`` yet, and make force constants that obey the acoustic sum rule.

    Raises:
        InputError: the calculator returned forces that are not numbers.
    """

    def forces(name: str, cell: PhonopyAtoms) -> NDArray[np.float64]:
        atoms = Atoms(cell.symbols, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
        found = store.get(name, atoms, lambda a: {"forces": calculator.get_forces(a)})["forces"]
        if not np.isfinite(found).all():
            raise InputError(f"the calculator returned forces that are not numbers for supercell {name}")
        return found

    at_rest = forces("at-rest", phonopy.supercell)
    displaced = phonopy.supercells_with_displacements
    progress = tqdm(displaced, desc=f"displacements of {len(at_rest)} atoms", unit="cell", disable=quiet or None)
    phonopy.forces = [forces(f"{i:04d}", cell) - at_rest for i, cell in enumerate(progress, start=1)]
    phonopy.produce_force_constants(calculate_full_force_constants=False)
    raw = phonopy.force_constants
    violation, largest = float(np.abs(raw.sum(axis=1)).max()), float(np.abs(raw).max())
    phonopy.symmetrize_force_constants()
    return ForceConstants(largest_force(at_rest), violation, largest)
