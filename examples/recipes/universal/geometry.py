"""What several kinds of structures have in common: strain, noise, and atoms that are too close."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

REACH = 3.2
"""Å; pairs beyond are never too close."""

CLOSEST = 0.62
"""The least distance of two atoms, in units of the sum of their covalent radii."""


def contact(numbers: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Å, sum of the covalent radii of each pair."""
    return covalent_radii[numbers[i]] + covalent_radii[numbers[j]]


def nearest(atoms: Atoms, reach: float = REACH) -> float:
    """The least distance of two atoms over the sum of their covalent radii; infinite if none is within ``reach`` Å."""
    i, j, distances = neighbor_list("ijd", atoms, reach)
    return float((distances / contact(atoms.numbers, i, j)).min(initial=np.inf))


def strained(atoms: Atoms, strain: np.ndarray, volume: float = 1.0) -> Atoms:
    """A copy with every vector multiplied by ``(1 + strain)`` and the volume by ``volume`` besides."""
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell.array @ ((np.eye(3) + strain) * volume ** (1 / 3)), scale_atoms=True)
    return atoms


def random_strain(rng: np.random.Generator, size: float) -> np.ndarray:
    """A symmetric strain whose diagonal elements have the standard deviation ``size``."""
    strain = rng.normal(0, size, (3, 3))
    return (strain + strain.T) / 2


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Between two positive numbers, evenly in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def rattle(rng: np.random.Generator, atoms: Atoms, low: float, high: float) -> None:
    """Move every atom, in place, by noise of one standard deviation, which lies between ``low`` and ``high`` Å."""
    width = log_uniform(rng, low, high)
    atoms.positions += rng.normal(0, width, (len(atoms), 3))


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A proper rotation, every one as likely as any other."""
    matrix, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix *= np.sign(np.diag(upper))
    return matrix * np.linalg.det(matrix)


def supercell(rng: np.random.Generator, atoms: Atoms, most: int) -> Atoms:
    """Repeat a cell along its shortest vectors, until more atoms than ``most`` would be in it or by chance before."""
    while True:
        shortest = int(np.argmin(atoms.cell.lengths()))
        repeats = [1, 1, 1]
        repeats[shortest] = 2
        if 2 * len(atoms) > most or rng.random() < 0.15:
            return atoms
        atoms = atoms.repeat(repeats)
