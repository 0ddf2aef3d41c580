"""Random placements: anywhere on the surface, any way up, the same ones for the same seed."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100, fcc111, fcc211, molecule

import equical.workflows.adsorption.scatter as scatter_module
from equical.errors import InputError
from equical.workflows.adsorption import adsorbate, find_sites
from equical.workflows.adsorption.anomalies import shortest_bond
from equical.workflows.adsorption.scatter import scatter
from equical.workflows.adsorption.sites import surface_triangles
from equical.workflows.adsorption.symmetry import SurfaceSymmetry


@pytest.fixture(scope="module")
def platinum():
    slab = fcc111("Pt", (3, 3, 3), vacuum=8)
    symmetry = SurfaceSymmetry.of(slab)
    return slab, find_sites(slab, symmetry), symmetry


def drawn(platinum, name, count, seed=0, taken=()):
    slab, sites, symmetry = platinum
    return scatter(slab, adsorbate(name), sites, symmetry, count, seed, taken)


@pytest.mark.parametrize("slab", [fcc111("Pt", (2, 2, 3), vacuum=8), fcc100("Cu", (2, 1, 3), vacuum=8),
                                  fcc211("Pt", (3, 2, 3), vacuum=8)])  # fmt: skip
def test_triangles_cover_the_surface_once(slab):
    cell, triangles = slab.cell[:2, :2], surface_triangles(slab)[..., :2]
    points = np.random.default_rng(0).random((50, 2)) @ cell
    points = np.array([points + [a, b] @ cell for a in range(-3, 4) for b in range(-3, 4)])
    sides = triangles[:, 1:] - triangles[:, :1]
    weights = (
        np.einsum("ipx,txk->itpk", points, np.linalg.inv(sides))
        - np.einsum("tx,txk->tk", triangles[:, 0], np.linalg.inv(sides))[:, None]
    )
    inside = (weights > 0).all(axis=-1) & (weights.sum(axis=-1) < 1)
    np.testing.assert_array_equal(inside.sum(axis=(0, 1)), 1)


def test_places_are_uniform_and_turned_any_way(platinum):
    slab = platinum[0]
    molecules = np.array([placed.atoms.positions[-2:] for placed in drawn(platinum, "CO", 200)])
    fractions = molecules.mean(axis=1)[:, :2] @ np.linalg.inv(slab.cell[:2, :2]) % 1
    for axis in range(2):
        counts = np.histogram(fractions[:, axis], bins=4, range=(0, 1))[0]
        assert counts.sum() > 150 and counts.min() > 0.15 * counts.sum()
    axes = molecules[:, 1] - molecules[:, 0]
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    assert np.abs(axes.mean(axis=0)).max() < 0.15
    np.testing.assert_allclose((axes**2).mean(axis=0), 1 / 3, atol=0.08)


def test_large_triangles_get_more(platinum, monkeypatch):
    small = np.array([[0.0, 0, 12], [1, 0, 12], [0, 1, 12]])
    monkeypatch.setattr(scatter_module, "surface_triangles", lambda slab: np.array([small, 3 * small * [1, 1, 1 / 3]]))
    drawn_in = [placed.atoms.positions[-2:, :2].mean(axis=0).sum() > 1 for placed in drawn(platinum, "CO", 60)]
    assert 0.65 < np.mean(drawn_in) < 0.95  # 0.8: nine tenths in the large one, eight ninths of it beyond the small one


def test_all_touch_the_slab_and_none_overlaps(platinum):
    slab = platinum[0]
    for placed in drawn(platinum, "CH3OH", 20):
        np.testing.assert_array_equal(placed.atoms.positions[: len(slab)], slab.positions)
        assert 0.99 < shortest_bond(slab, placed.atoms[len(slab) :])[1] < 1.4
        assert placed.random and placed.site in platinum[1]


def test_numbers_follow_from_the_seed_and_more_draws_add_to_fewer(platinum):
    few, many, others = drawn(platinum, "CO", 5), drawn(platinum, "CO", 8), drawn(platinum, "CO", 5, seed=1)
    assert [one.name for one in few] == [one.name for one in many[: len(few)]]
    for one, same, other in zip(few, many, others, strict=False):
        assert one.atoms == same.atoms
        assert one.atoms != other.atoms


def test_repetitions_are_dropped(platinum):
    """An atom on a surface whose irreducible part measures half a square Ångström has few places to be."""
    made = drawn(platinum, "O", 60)
    assert 3 < len(made) < 30
    symmetry = platinum[2]
    for i, one in enumerate(made):
        for other in made[:i]:
            assert not symmetry.equivalent(one.atoms.positions[-1:], other.atoms.positions[-1:])
    first = made[0]
    assert first.name not in {one.name for one in drawn(platinum, "O", 60, seed=0, taken=[first])}


def test_what_fits_in_no_orientation_is_refused():
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    symmetry = SurfaceSymmetry.of(slab)
    with pytest.raises(InputError, match="too small for C60 in random orientations"):
        scatter(slab, adsorbate(molecule("C60"), binding=0), find_sites(slab, symmetry), symmetry, 1, 0)


def test_adatoms_are_part_of_the_surface():
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    add_adsorbate(slab, Atoms("Pt"), 2.3, "fcc")
    assert surface_triangles(slab)[..., 2].max() == pytest.approx(slab.positions[-1, 2])
