"""Slabs: which structures are one, which way is up, what is frozen."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, fcc211, molecule
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.workflows.adsorption.slabs import (
    count_layers,
    fixed_atoms,
    freeze_bottom,
    layers_of,
    nearest_distance,
    standard_slab,
    vacuum_of,
)


@pytest.fixture
def slab():
    return fcc111("Pt", (2, 2, 4), vacuum=7.5, periodic=True)


def test_slab_cut_by_the_cell_boundary_becomes_one_piece(slab):
    height = np.ptp(slab.positions[:, 2])
    cut = slab.copy()
    cut.positions[:, 2] += 9.0
    cut.wrap()
    assert np.ptp(cut.positions[:, 2]) > height + 5
    whole = standard_slab(cut)
    assert np.ptp(whole.positions[:, 2]) == pytest.approx(height)
    np.testing.assert_allclose(whole.get_all_distances(mic=True), slab.get_all_distances(mic=True), atol=1e-9)


def test_slab_on_its_side_is_put_upright(slab):
    turned = slab.copy()
    turned.rotate(70, (1, 2, 3), rotate_cell=True)
    upright = standard_slab(turned)
    assert upright.cell[:2, 2] == pytest.approx([0, 0])
    assert count_layers(upright) == 4
    assert upright.cell[2, 2] > 0


def test_a_slab_without_third_vector_is_accepted(slab):
    flat = slab.copy()
    flat.pbc = [True, True, False]
    flat.cell[2] = 0
    assert standard_slab(flat).cell[2, 2] > np.ptp(slab.positions[:, 2]) + 10


def test_input_is_left_alone(slab):
    before = slab.copy()
    standard_slab(slab)
    freeze_bottom(slab)
    assert slab == before
    assert not slab.constraints


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (molecule("H2O"), "molecule"),
        (molecule("H2O", vacuum=6.0, pbc=True), "vacuum on all sides"),
        (bulk("Pt", cubic=True), "no vacuum"),
        (Atoms(), "no atoms"),
    ],
)
def test_what_is_no_slab_is_refused(atoms, message):
    with pytest.raises(InputError, match=message):
        standard_slab(atoms)


def test_vacuum_along_the_wrong_vector_is_named(slab):
    wrong = Atoms(slab.numbers, cell=slab.cell[[2, 0, 1]], scaled_positions=slab.get_scaled_positions()[:, [2, 0, 1]])
    wrong.pbc = True
    with pytest.raises(InputError, match="its vacuum lies along a"):
        standard_slab(wrong)


def test_layers_and_freezing(slab):
    assert layers_of(slab).tolist() == sorted(layers_of(slab).tolist())
    assert [fixed_atoms(freeze_bottom(slab, n)).sum() for n in (None, 0, 1, 3)] == [8, 0, 4, 12]
    assert slab.positions[fixed_atoms(freeze_bottom(slab)), 2].max() < slab.positions[:, 2].mean()
    with pytest.raises(InputError, match="choose 0 to 3"):
        freeze_bottom(slab, 4)


def test_constraints_of_the_input_win_unless_told_otherwise(slab):
    slab.set_constraint(FixAtoms([0]))
    assert fixed_atoms(freeze_bottom(slab)).sum() == 1
    assert fixed_atoms(freeze_bottom(slab, 2)).sum() == 8


def test_numbers_of_a_slab(slab):
    assert nearest_distance(slab) == pytest.approx(3.92 / np.sqrt(2))
    assert vacuum_of(slab) == pytest.approx(15.0)
    assert count_layers(fcc211("Pt", (3, 2, 3), vacuum=8)) == 9
