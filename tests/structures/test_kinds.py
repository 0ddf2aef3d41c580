"""Bulk, slab, wire, molecule."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from equical.structures.kinds import kind_of


@pytest.mark.parametrize(
    ("atoms", "kind"),
    [
        (bulk("Cu"), "bulk"),
        (bulk("Si", cubic=True) * (2, 1, 1), "bulk"),
        (fcc111("Cu", (1, 1, 3), vacuum=8), "slab"),
        (fcc111("Cu", (1, 1, 3), vacuum=8, periodic=True), "slab"),
        (Atoms("Cu", cell=[2.5, 2.5, 0], pbc=[True, True, False]), "slab"),
        (Atoms("Cu", cell=[2.5, 20, 20], pbc=True), "wire"),
        (molecule("CH3OH"), "molecule"),
        (molecule("CH3OH", vacuum=8, pbc=True), "molecule"),
        (Atoms("Ni"), "molecule"),
        (Atoms("Cu", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "bulk"),  # refused elsewhere
    ],
)
def test_kinds(atoms, kind):
    assert kind_of(atoms) == kind
    moved = atoms.copy()
    moved.positions += np.array([3.3, -7.1, 40.0])
    assert kind_of(moved) == kind
