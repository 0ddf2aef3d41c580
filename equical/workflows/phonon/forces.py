"""Forces on displaced supercells, calculated one by one and kept, and the force constants phonopy makes of them."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from phonopy.structure.cells import get_primitive_matrix_by_centring, guess_primitive_matrix

from equical.neighbors.cells import heights
from equical.workflows.common.at_rest import largest_force, require_numbers
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["SYMPREC", "ForceConstants", "displaced_supercells", "has_isotopes", "make_force_constants"]
__all__ += ["lower_symmetry_is_told", "repeats_for_length", "symmetry_dataset"]

SYMPREC = 1e-4
"""Å. Tolerance of the symmetry search."""


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
    """Set up phonopy with the symmetry-inequivalent displacements of ``displacement`` Å.

    Isotopes of an element are different kinds of atoms, which no symmetry operation may exchange. Phonopy knows kinds
    by their element alone, so where there are isotopes it is given the primitive cell and told to use no symmetry.
    """
    isotopes = has_isotopes(crystal)
    cell = PhonopyAtoms(
        numbers=crystal.numbers,
        cell=crystal.cell[:],
        scaled_positions=crystal.get_scaled_positions(wrap=False),
        masses=crystal.get_masses(),
    )
    primitive = _primitive_matrix(crystal, symprec) if isotopes else guess_primitive_matrix(cell, symprec=symprec)
    with lower_symmetry_is_told():
        phonopy = Phonopy(
            cell, np.diag(supercell), primitive_matrix=primitive, symprec=symprec, is_symmetry=not isotopes
        )
    phonopy.generate_displacements(distance=displacement)
    return phonopy


@contextmanager
def lower_symmetry_is_told() -> Iterator[None]:
    """Leave out phonopy's warning of a supercell of lower symmetry, which the caller tells in its own words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Warning: Point group symmetries")
        yield


def has_isotopes(crystal: Atoms) -> bool:
    """Whether atoms of one element differ in their masses."""
    return len(set(_kinds(crystal))) > len(set(crystal.numbers.tolist()))


def _kinds(crystal: Atoms) -> list[int]:
    """A number for each atom, the same for atoms of one element and one mass."""
    known: dict[tuple[int, float], int] = {}
    pairs = zip(crystal.numbers.tolist(), crystal.get_masses().round(6).tolist(), strict=True)
    return [known.setdefault(pair, len(known) + 1) for pair in pairs]


def symmetry_dataset(crystal: Atoms, symprec: float) -> Any:
    """What spglib finds out about a crystal whose isotopes are different kinds of atoms; None if nothing."""
    cell = (crystal.cell[:], crystal.get_scaled_positions(), _kinds(crystal))
    return ask_spglib("get_symmetry_dataset", cell, symprec=symprec)


def _primitive_matrix(crystal: Atoms, symprec: float) -> NDArray[np.float64]:
    """``[3, 3]`` primitive lattice vectors as columns in the basis of the crystal's, as phonopy wants them."""
    dataset = symmetry_dataset(crystal, symprec)
    if dataset is None:
        return np.eye(3)
    centring = get_primitive_matrix_by_centring(dataset.international[0])
    return np.linalg.inv(dataset.transformation_matrix) @ centring


def make_force_constants(
    phonopy: Phonopy, calculator: BaseCalculator, store: Evaluations, progress: bool
) -> ForceConstants:
    """Calculate the forces that are not in ``store`` yet, and make force constants that obey the acoustic sum rule.

    Raises:
        InputError: the calculator returned forces that are not numbers.
    """

    def forces(name: str, cell: PhonopyAtoms) -> NDArray[np.float64]:
        atoms = Atoms(cell.numbers, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True)
        found = store.get(name, atoms, lambda a: {"forces": calculator.get_forces(a)})["forces"]
        require_numbers(found, "forces", f"supercell {name}")
        return found

    at_rest = forces("at-rest", phonopy.supercell)
    displaced = phonopy.supercells_with_displacements
    cells = progress_bar(displaced, f"displacements of {len(at_rest)} atoms", "cells", show=progress)
    phonopy.forces = [forces(f"{i:04d}", cell) - at_rest for i, cell in enumerate(cells, start=1)]
    phonopy.produce_force_constants(calculate_full_force_constants=False)
    raw = phonopy.force_constants
    violation, largest = float(np.abs(raw.sum(axis=1)).max()), float(np.abs(raw).max())
    phonopy.symmetrize_force_constants()
    return ForceConstants(largest_force(at_rest), violation, largest)
