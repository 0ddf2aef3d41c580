"""The same structure in another form has the same signature, and hardly anything else has."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from equical.structures.identity import alike, coincide, signature


def rattled(atoms, seed=0):
    atoms = atoms.copy()
    atoms.rattle(0.1, seed=seed)
    return atoms


STRUCTURES = {
    "alloy": rattled(bulk("NaCl", "rocksalt", a=5.6, cubic=True)),
    "one atom": bulk("Cu"),
    "slab": rattled(fcc111("Pt", (2, 2, 3), vacuum=6)),
    "molecule": rattled(molecule("CH3CH2OH")),
    "lonely atom": Atoms("Ni"),
    "two far atoms": Atoms("Cu2", [[0, 0, 0], [0, 0, 9]]),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_signature_is_that_of_every_other_form(name):
    atoms = STRUCTURES[name]
    rng = np.random.default_rng(0)
    other = atoms[rng.permutation(len(atoms))]
    other.positions += rng.integers(-2, 3, size=(len(atoms), 3)) @ (other.cell.array * other.pbc[:, None])
    assert coincide(atoms, other)
    other.positions += [0.3, 2.1, -7.0]
    assert coincide(atoms, other)
    other.rotate(40, (1, 2, 3), rotate_cell=True)
    other.set_cell(other.cell.array[[1, 0, 2]] if other.pbc[:2].all() else other.cell.array)
    other.positions *= [1, 1, -1]
    other.set_cell(other.cell.array * [1, 1, -1])
    assert np.abs(signature(other) - signature(atoms)).max() < 1e-8
    assert alike([atoms, other]) == [[0, 1]]


@pytest.mark.parametrize("name", [name for name, atoms in STRUCTURES.items() if len(atoms) > 1])
def test_moving_one_atom_makes_another_structure(name):
    atoms = STRUCTURES[name]
    other = atoms.copy()
    other.positions[-1] += [0.01, 0.01, 0.01]
    assert alike([atoms, other]) == []
    assert not coincide(atoms, other)


def test_exchanging_elements_makes_another_structure():
    atoms = STRUCTURES["alloy"]
    other = atoms.copy()
    other.numbers[[0, 1]] = other.numbers[[1, 0]]
    assert atoms.numbers[0] != atoms.numbers[1]
    assert alike([atoms, other]) == []
    assert not coincide(atoms, other)


def test_strain_and_composition_are_told_apart():
    atoms = bulk("Cu", cubic=True)
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array * 1.002, scale_atoms=True)
    assert alike([atoms, strained, bulk("Ni", cubic=True), atoms * (1, 1, 2)]) == []


def test_groups_are_of_one_structure_each():
    images = [rattled(STRUCTURES["alloy"], seed) for seed in range(5)]
    assert alike([*images, images[3], images[1], images[3]]) == [[1, 6], [3, 5, 7]]
    assert alike([]) == []


def test_chains_with_the_same_distances_are_told_apart():
    """Homometric sets: all pairs of distances agree, the structures do not."""
    chains = [Atoms("Cu" * 6, [[x, 0, 0] for x in marks]) for marks in ([0, 1, 4, 10, 12, 17], [0, 1, 8, 11, 13, 17])]
    assert alike(chains) == []
    assert not coincide(*chains)
