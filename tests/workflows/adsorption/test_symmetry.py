"""Symmetry of surfaces: the operations, and what they make equivalent."""

import numpy as np
import pytest
from ase.build import bcc110, fcc100, fcc110, fcc111, fcc211
from ase.constraints import FixAtoms

from equical.workflows.adsorption.symmetry import SurfaceSymmetry, primitive_surface


@pytest.mark.parametrize(
    ("slab", "order"),
    [
        (fcc111("Pt", (2, 2, 3), vacuum=8), 6),  # p3m1
        (fcc100("Cu", (2, 2, 3), vacuum=8), 8),  # p4mm
        (fcc110("Cu", (2, 2, 3), vacuum=8), 4),  # p2mm
        (bcc110("Fe", (2, 2, 3), vacuum=8), 4),  # c2mm
        (fcc211("Pt", (3, 2, 3), vacuum=8), 2),  # p1m1
    ],
)
def test_order_of_the_plane_group(slab, order):
    symmetry = SurfaceSymmetry.of(slab)
    assert len(symmetry.rotations) == order
    np.testing.assert_allclose(np.abs(np.linalg.det(symmetry.rotations)), 1)


@pytest.mark.parametrize("tilted", [False, True])
def test_operations_map_the_slab_onto_itself(tilted):
    slab = fcc111("Pt", (2, 2, 3), vacuum=8, periodic=True)
    if tilted:
        slab.cell[2, :2] = [1.0, 0.7]
    symmetry = SurfaceSymmetry.of(slab)
    assert len(symmetry.rotations) == 6
    inverse = np.linalg.inv(symmetry.cell)
    for rotation, translation in zip(symmetry.rotations, symmetry.translations, strict=True):
        image = slab.positions[:, :2] @ rotation.T + translation
        apart = (image[:, None] - slab.positions[None, :, :2]) @ inverse
        lateral = np.linalg.norm((apart - np.round(apart)) @ symmetry.cell, axis=-1)
        same_height = np.abs(slab.positions[:, None, 2] - slab.positions[None, :, 2]) < 1e-6
        assert ((lateral < 1e-4) & same_height).any(axis=1).all()


def test_primitive_cell():
    slab = fcc111("Pt", (3, 4, 3), vacuum=8, orthogonal=True)
    slab.set_constraint(FixAtoms(mask=slab.get_tags() == 3))
    primitive = primitive_surface(slab)
    assert len(primitive) == 3
    assert primitive.cell.cellpar()[[0, 1]] == pytest.approx([3.92 / np.sqrt(2)] * 2)
    assert primitive.constraints[0].index.tolist() == [int(np.argmin(primitive.positions[:, 2]))]


def test_an_alloy_keeps_its_cell():
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    slab.symbols[4] = "Ni"
    assert len(primitive_surface(slab)) == len(slab)


def test_molecules_are_equivalent_as_a_whole():
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    symmetry = SurfaceSymmetry.of(slab)
    top = slab.positions[-1] + [0, 0, 2]

    def pair(angle, height=0.3):
        turned = np.radians(angle)
        return np.array([top, np.add(top, [np.cos(turned), np.sin(turned), height])])

    assert symmetry.equivalent(pair(10), pair(130))  # rotation
    assert symmetry.equivalent(pair(10), pair(10) + slab.cell[0] / 2)  # translation of the primitive cell
    assert symmetry.equivalent(pair(20), pair(40)) != symmetry.equivalent(pair(20), pair(100))  # one of these mirrors
    assert not symmetry.equivalent(pair(10), pair(70))
    assert not symmetry.equivalent(pair(10), pair(10, height=0.8))
    assert symmetry.equivalent(pair(10), pair(10)[::-1])
    assert not symmetry.equivalent(pair(10), pair(10)[::-1], kinds=[8, 1])
