"""The cap on neighbours: which ones stay, strictly or by shells, the same ones whatever the rounding."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from equical.neighbors.build import NeighborList, neighbor_list
from equical.neighbors.nearest import nearest

CUTOFF = 12.0


def capped(atoms, number, strict, cutoff=CUTOFF) -> NeighborList:
    complete = neighbor_list(atoms.positions, atoms.cell.array, atoms.pbc, cutoff)
    return nearest(complete, atoms.positions, atoms.cell.array, number, strict=strict)


def squared_distances(atoms, neighbors) -> np.ndarray:
    offset = neighbors.shift @ atoms.cell.array
    return ((atoms.positions[neighbors.sender] + offset - atoms.positions[neighbors.receiver]) ** 2).sum(axis=1)


@pytest.mark.parametrize(
    ("atoms", "edges"),
    [(bulk("Cu", a=3.61), 42), (bulk("NaCl", "rocksalt", a=5.64), 52), (bulk("W", a=3.16), 26), (bulk("Si"), 56)],
    ids=["fcc", "rocksalt", "bcc", "diamond"],
)
def test_shells_are_kept_whole(atoms, edges):
    """A shell that is exactly filled, as the first two of fcc with 18 neighbours, pulls in the whole next one."""
    assert len(capped(atoms, 20, strict=False)) == edges


def test_full_shells_pull_in_the_next():
    copper = bulk("Cu", a=3.61)
    assert len(capped(copper, 18, strict=False)) == 42
    assert len(capped(copper, 17, strict=False)) == 18


def test_shell_reaches_a_hundredth_of_a_square_angstrom():
    helium = Atoms("He4", [[0, 0, 0], [2, 0, 0], [0, 2.002, 0], [0, 0, 2.01]])
    # Squared: 4, 4.008, 4.0401. Neighbour number two is the first excluded; the third is 0.032 Å² beyond it.
    kept = capped(helium, 1, strict=False)
    assert kept.sender[kept.receiver == 0].tolist() == [1, 2]


@pytest.mark.parametrize("number", [1, 5, 12, 20, 30])
def test_strict_cap_is_exact(number):
    atoms = bulk("NaCl", "rocksalt", a=5.64) * (2, 1, 1)
    atoms.rattle(0.1, seed=1)
    kept = capped(atoms, number, strict=True)
    assert np.bincount(kept.receiver).tolist() == [number] * len(atoms)
    complete = neighbor_list(atoms.positions, atoms.cell.array, atoms.pbc, CUTOFF)
    everything, inside = squared_distances(atoms, complete), squared_distances(atoms, kept)
    for i in range(len(atoms)):
        nearest_ones = np.sort(everything[complete.receiver == i])[:number]
        np.testing.assert_allclose(np.sort(inside[kept.receiver == i]), nearest_ones)


def test_order_of_the_list_is_kept():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    kept = capped(atoms, 7, strict=True)
    keys = np.column_stack([kept.receiver, kept.sender, kept.shift])
    assert (np.lexsort(keys.T[::-1]) == np.arange(len(kept))).all()


def test_ties_do_not_depend_on_rounding():
    """Noise of the last digits, as another origin or machine makes it, must not choose the neighbours."""
    atoms = bulk("Cu", cubic=True)
    first = capped(atoms, 20, strict=True)
    for seed in range(5):
        noisy = atoms.copy()
        noisy.positions += np.random.default_rng(seed).normal(scale=1e-9, size=(4, 3))
        again = capped(noisy, 20, strict=True)
        np.testing.assert_array_equal(first.sender, again.sender)
        np.testing.assert_array_equal(first.shift, again.shift)


def test_few_neighbours_are_all_kept():
    ethanol = molecule("CH3CH2OH")
    complete = neighbor_list(ethanol.positions, ethanol.cell.array, ethanol.pbc, CUTOFF)
    assert nearest(complete, ethanol.positions, ethanol.cell.array, 20, strict=True) is complete
    lonely = capped(molecule("H2")[:1], 20, strict=True)
    assert len(lonely) == 0
