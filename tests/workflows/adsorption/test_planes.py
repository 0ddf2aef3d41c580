"""Crystals as stacks of planes: the primitive cell, the cell of a plane, the order of the layers."""

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.data import atomic_numbers

from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.planes import primitive_crystal, stack_of_planes
from equical.workflows.adsorption.slabs import count_layers, layers_of


@pytest.mark.parametrize(
    "change",
    [
        np.eye(3),
        np.diag([2, 1, 1]),
        np.diag([2, 2, 2]),
        [[1, 1, 0], [-1, 1, 0], [0, 0, 3]],
        [[1, 2, 3], [0, 1, 1], [1, 0, 2]],
    ],
)
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_primitive_crystal_of_any_cell(change, noise):
    cell = make_supercell(bulk("Si", cubic=True), change)
    clean = cell.get_volume() / len(cell) * 2
    cell.positions += np.random.default_rng(0).normal(scale=noise, size=cell.positions.shape)
    unit, basis = primitive_crystal(cell)
    assert len(unit) == 2
    assert unit.get_volume() == pytest.approx(clean)
    np.testing.assert_allclose(basis @ cell.cell[:], unit.cell[:], atol=1e-9)
    apart = unit.get_distance(0, 1, mic=True)
    assert apart == pytest.approx(5.43 * np.sqrt(3) / 4, abs=1e-9 + 5 * noise)


def test_averages_over_what_repeats():
    crystal = Atoms("CuAu", cell=[3, 3, 4], scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], pbc=True) * (4, 4, 4)
    crystal.positions += np.random.default_rng(1).normal(scale=1e-3, size=crystal.positions.shape)
    unit, _ = primitive_crystal(crystal)
    vector = unit.get_distance(0, 1, mic=True, vector=True)
    assert np.abs(vector) == pytest.approx([1.5, 1.5, 2], abs=5e-4)  # mean of 64 pairs, each off by some 1e-3


def test_a_real_distortion_is_kept():
    chain = bulk("Cu", cubic=True) * (2, 1, 1)
    chain.positions[0, 0] += 0.05
    assert len(primitive_crystal(chain)[0]) == len(chain)


def test_a_wave_that_some_translations_nearly_keep_is_kept():
    """A quarter of it is within the tolerance, half of it is not: these translations are no group."""
    chain = bulk("Fe", "sc", a=2.5) * (4, 1, 1)
    chain.positions[:, 0] += [0, 0.006, 0.012, 0.006]
    assert len(primitive_crystal(chain)[0]) == 4


def test_unlike_atoms_do_not_repeat():
    assert len(primitive_crystal(Atoms("NiAl", positions=[(0, 0, 0), (2, 2, 2)], cell=[4] * 3, pbc=True))[0]) == 2
    magnesia = bulk("MgO", "rocksalt", a=4.21, cubic=True)
    assert len(primitive_crystal(magnesia)[0]) == 2


@pytest.mark.parametrize("face", [(1, 1, 1), (1, 0, 0), (3, -2, 1), (0, -1, 2), (2, 2, 2), (7, 5, 3)])
def test_third_vector_leads_to_the_next_plane(face):
    crystal = bulk("Si", cubic=True)
    stack = stack_of_planes(crystal, face)
    assert abs(np.linalg.det(stack.cell)) == pytest.approx(crystal.get_volume() / 4)
    reduced = np.array(face) // np.gcd.reduce(face)
    spacing = 5.43 / np.linalg.norm(reduced)
    assert spacing / stack.cell[2, 2] == pytest.approx(1 if (reduced % 2).all() else 2)  # planes of an fcc lattice
    assert stack.cell[[0, 0, 1], [1, 2, 2]] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("crystal", "face", "angle"),
    [
        (bulk("Cu", cubic=True), (1, 1, 1), 60),
        (bulk("Cu", cubic=True), (1, 1, 0), 90),
        (bulk("Fe", cubic=True), (1, 1, 0), 70.529),
        (bulk("Ru"), (0, 0, 1), 60),
    ],
)
def test_angle_of_the_surface_cell(crystal, face, angle):
    for signs in product((1, -1), repeat=3):
        assert surface_angle(crystal, np.multiply(face, signs)) == pytest.approx(angle, abs=0.01)


def test_mirror_images_of_a_kinked_face_have_supplementary_angles():
    """With the shortest vector first, the lattice leaves no choice."""
    left, right = (surface_angle(bulk("Cu", cubic=True), face) for face in ((3, 2, 1), (3, 2, -1)))
    assert (left, right) == pytest.approx((104.963, 75.037), abs=1e-3)


def surface_angle(crystal, face):
    stack = stack_of_planes(crystal, face)
    return np.degrees(np.arctan2(stack.cell[1, 1], stack.cell[1, 0]))


def test_the_normal_points_outwards_whatever_the_cell():
    """The cation ends (1 1 1) of a zinc blende with the cation at the origin, the anion ends its back."""
    crystal = bulk("GaAs", "zincblende", a=5.65, cubic=True)
    left_handed = Atoms(
        crystal.numbers,
        cell=crystal.cell[[1, 0, 2]],
        scaled_positions=crystal.get_scaled_positions()[:, [1, 0, 2]],
        pbc=True,
    )
    for cell in (crystal, left_handed):
        assert str(stack_of_planes(cell, (1, 1, 1)).cut(0, 1).symbols) == "Ga"
        assert str(stack_of_planes(cell, (-1, -1, -1)).cut(0, 1).symbols) == "As"


def test_closely_spaced_planes_are_layers_too():
    slab = build_slab(SlabFromBulk(bulk("Fe", "bcc", a=2.87), (3, 3, 1), layers=9, relax=False))
    assert (len(slab), count_layers(slab)) == (9, 9)


def test_buckled_layers_stay_together():
    start = bulk("NiAl", "cesiumchloride", a=2.9) * 2
    start.positions[:, 2] += 0.05 * (start.numbers == atomic_numbers["Al"]) * np.sign(start.positions[:, 0] - 2)
    slab = build_slab(SlabFromBulk(start, (0, 0, 1), layers=5, relax=False))
    assert count_layers(slab) == 5
    assert len(set(np.bincount(layers_of(slab)).tolist())) == 1
