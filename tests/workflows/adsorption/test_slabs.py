"""Slabs: which structures are one, which way is up, what is frozen."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, fcc211, molecule
from ase.constraints import FixAtoms

from equical.errors import InputError
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.slabs import (
    count_layers,
    fixed_atoms,
    freeze_bottom,
    layers_of,
    nearest_distance,
    standard_slab,
    uneven_top,
    vacuum_of,
)
from tests.fixtures.slabs.pymatgen_slabs import CRYSTALS


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


def without(slab, *atoms):
    return slab[[i for i in range(len(slab)) if i not in atoms]]


@pytest.mark.parametrize(
    ("slab", "found"),
    [
        (fcc111("Pt", (2, 2, 4), vacuum=8), None),
        (without(fcc111("Pt", (2, 2, 4), vacuum=8), 12, 13, 14), (1, 4)),
        (without(fcc111("Pt", (2, 2, 4), vacuum=8), 15), (3, 4)),
        (without(fcc111("Pt", (2, 2, 4), vacuum=8), 0), None),  # below, where nothing adsorbs
        (fcc211("Pt", (3, 2, 3), vacuum=8), None),
        (fcc111("Pt", (2, 2, 1), vacuum=8), None),
    ],
)
def test_a_part_of_a_layer_on_top_is_found(slab, found):
    assert uneven_top(slab) == found


def test_compounds_have_layers_of_several_kinds():
    for termination in (0, 1):
        slab = build_slab(
            SlabFromBulk(CRYSTALS["perovskite"], (1, 0, 0), layers=5, termination=termination, size=(2, 2))
        )
        assert uneven_top(slab) is None
        top = np.flatnonzero(slab.get_tags() == 1)
        oxygen = top[slab.symbols[top] == "O"]
        assert uneven_top(without(slab, *oxygen[:2])) is not None
        assert uneven_top(slab[slab.get_tags() < 3]) is None


def test_a_buckled_layer_is_whole(slab):
    slab.positions[12, 2] += 0.5
    assert count_layers(slab) == 5
    assert uneven_top(slab) is None
    slab.positions[12, 2] += 1.8  # an adatom over a vacancy
    assert uneven_top(slab) == (1, 4)


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
