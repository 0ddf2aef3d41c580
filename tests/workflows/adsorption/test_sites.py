"""Sites: how many kinds a surface has is known from its geometry."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import (
    bcc100,
    bcc110,
    bcc111,
    fcc100,
    fcc110,
    fcc111,
    fcc211,
    hcp0001,
)

from equical.errors import InputError
from equical.workflows.adsorption.sites import choose_sites, exposed_atoms, find_sites, nearest_site
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

SURFACES = {
    "fcc111": (fcc111("Pt", (2, 2, 4), vacuum=8), {"top": 1, "bridge": 1, "hollow": 2}),
    "fcc111 1x1": (fcc111("Pt", (1, 1, 4), vacuum=8), {"top": 1, "bridge": 1, "hollow": 2}),
    "fcc111 rectangular": (fcc111("Pt", (2, 4, 4), vacuum=8, orthogonal=True), {"top": 1, "bridge": 1, "hollow": 2}),
    "fcc100": (fcc100("Cu", (2, 2, 4), vacuum=8), {"top": 1, "bridge": 1, "hollow": 1}),
    # The furrows of fcc(110) show their atoms: ridge and furrow tops; along either, and across; two facet hollows.
    "fcc110": (fcc110("Cu", (2, 2, 5), vacuum=8), {"top": 2, "bridge": 3, "hollow": 2}),
    "bcc100": (bcc100("W", (2, 2, 4), vacuum=8), {"top": 1, "bridge": 1, "hollow": 1}),
    "bcc110": (bcc110("Fe", (2, 2, 4), vacuum=8), {"top": 1, "bridge": 2, "hollow": 1}),
    "bcc111": (bcc111("W", (2, 2, 6), vacuum=8), {"top": 3, "bridge": 3, "hollow": 1}),
    "hcp0001": (hcp0001("Ru", (2, 2, 4), vacuum=8), {"top": 1, "bridge": 1, "hollow": 2}),
    # Edge, terrace and foot atoms; three bridges along the step and three across; fcc and hcp twice, a (100) hollow.
    "fcc211": (fcc211("Pt", (3, 2, 4), vacuum=8), {"top": 3, "bridge": 6, "hollow": 5}),
}


def sites_of(slab):
    slab = freeze_bottom(standard_slab(slab))
    return find_sites(slab, SurfaceSymmetry.of(slab))


@cache
def named(name):
    """Sites of one of the surfaces above."""
    return sites_of(SURFACES[name][0])


def kinds(classes):
    return dict(Counter(site.kind for site in classes))


@pytest.mark.parametrize("name", SURFACES)
def test_number_of_inequivalent_sites(name):
    assert kinds(named(name)) == SURFACES[name][1]


@pytest.mark.parametrize("name", ["fcc111", "fcc100", "fcc110", "bcc110", "hcp0001", "fcc211"])
def test_sites_tile_the_surface(name):
    """On a torus corners − edges + faces = 0 (Euler); all edges of these surfaces are bridges."""
    counts = Counter()
    for site in named(name):
        counts[site.kind] += len(site.sites)
    assert counts["top"] - counts["bridge"] + counts["hollow"] == 0


def test_names_tell_stacking_and_elements():
    assert [site.name for site in named("fcc111")] == [
        "top-Pt",
        "bridge-Pt2",
        "fcc-Pt3",
        "hcp-Pt3",
    ]
    names = [site.name for site in named("fcc211")]
    assert sum(name.startswith("fcc-Pt3") for name in names) == 2
    assert "hollow-Pt4" in names


def test_fcc_and_hcp_are_told_apart_by_the_atom_below():
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    second = slab.positions[slab.get_tags() == 2]
    for site in sites_of(slab):
        for one in site.sites if site.kind == "hollow" else ():
            apart = second[:, :2] - one.position[:2]
            fractions = apart @ np.linalg.inv(slab.cell[:2, :2])
            nearest = np.linalg.norm((fractions - np.round(fractions)) @ slab.cell[:2, :2], axis=1).min()
            assert (nearest < 0.1) == site.name.startswith("hcp")


def test_elements_of_the_top_layer_split_sites():
    alloy = fcc111("Pt", (2, 2, 3), vacuum=8)
    alloy.symbols[8] = "Ni"
    names = [site.name for site in sites_of(alloy)]
    assert {"top-Ni", "top-Pt", "bridge-NiPt", "fcc-Pt3", "fcc-NiPt2", "hcp-Pt3", "hcp-NiPt2"} <= set(names)
    # Two bridges between Pt atoms: beside the fcc and beside the hcp hollow among three Pt atoms is the same one.
    assert kinds(sites_of(alloy)) == {"top": 2, "bridge": 3, "hollow": 4}


def test_elements_below_the_top_layer_split_sites():
    alloy = fcc111("Pt", (2, 2, 3), vacuum=8)
    alloy.symbols[4] = "Ni"  # a quarter of the second layer
    classes = sites_of(alloy)
    assert kinds(classes) == {"top": 2, "bridge": 3, "hollow": 4}
    hcp = [site for site in classes if site.name.startswith("hcp")]
    assert sorted(len(site.sites) for site in hcp) == [1, 3]  # above Ni, above Pt


def test_a_random_alloy_has_no_equivalent_sites():
    slab = fcc111("Pt", (3, 3, 3), vacuum=8)
    slab.numbers = np.random.default_rng(0).choice([44, 46, 78], len(slab))
    classes = sites_of(slab)
    assert len(classes) == 9 + 27 + 18
    assert len({site.name for site in classes}) == len(classes)


@pytest.mark.parametrize("name", ["fcc111", "fcc211", "bcc110"])
def test_counts_do_not_depend_on_how_the_slab_is_written_down(name):
    slab, expected = SURFACES[name]
    slab = slab.copy()
    slab.pbc = True
    slab.positions += [1.3, 0.4, 9.0]
    slab.wrap()
    slab.positions += 7 * slab.cell[0] - 5 * slab.cell[1]
    slab.rotate(37, "z", rotate_cell=True)
    slab = slab[np.random.default_rng(1).permutation(len(slab))]
    assert kinds(sites_of(slab)) == expected


def test_small_displacements_keep_sites_equivalent():
    rough = fcc111("Pt", (3, 3, 4), vacuum=8)
    rough.rattle(0.02, seed=1)
    assert kinds(sites_of(rough)) == {"top": 1, "bridge": 1, "hollow": 2}


def test_a_vacancy_is_a_hollow_of_six():
    slab = fcc111("Pt", (3, 3, 4), vacuum=8)
    del slab[-5]
    assert [len(site.sites) for site in sites_of(slab) if site.name == "hollow-Pt6"] == [1]


def test_exposed_atoms():
    assert len(exposed_atoms(fcc111("Pt", (2, 3, 4), vacuum=8))) == 6
    assert len(exposed_atoms(bcc100("W", (2, 2, 4), vacuum=8))) == 4
    step = fcc211("Pt", (3, 2, 4), vacuum=8)
    heights = np.unique(step.positions[exposed_atoms(step), 2].round(2))
    assert heights == pytest.approx(np.unique(step.positions[:, 2].round(2))[-3:])


def test_positions_of_sites():
    slab = SURFACES["fcc100"][0]
    top, bridge, hollow = (site.sites[0] for site in named("fcc100"))
    length = slab.cell.lengths()[0] / 2
    assert [len(site.atoms) for site in (top, bridge, hollow)] == [1, 2, 4]
    assert [site.width for site in (top, bridge, hollow)] == pytest.approx([0, length / 2, length / np.sqrt(2)])
    assert hollow.position[2] == pytest.approx(slab.positions[:, 2].max())
    for site in (top, bridge, hollow):
        assert np.linalg.norm(site.direction) == pytest.approx(1)


def test_choosing_sites():
    classes = named("fcc111")
    assert [site.name for site in choose_sites(classes, ["hollow"])] == ["fcc-Pt3", "hcp-Pt3"]
    assert [site.name for site in choose_sites(classes, ["fcc", "top-Pt"])] == ["top-Pt", "fcc-Pt3"]
    assert choose_sites(classes, None) == classes
    with pytest.raises(InputError, match=r"no site 'hex'.*top-Pt, bridge-Pt2"):
        choose_sites(classes, ["top", "hex"])


def test_nearest_site_looks_across_the_cell_boundary():
    slab, classes = SURFACES["fcc111"][0], named("fcc111")
    for site in classes:
        there = site.sites[-1].position + [0.2, -0.1, 1.5] + 3 * slab.cell[0] - 2 * slab.cell[1]
        found, one = nearest_site(there, classes, slab.cell[:])
        assert found is site
        assert one is site.sites[-1]


def test_a_single_layer_has_no_stacking():
    graphene_like = Atoms("Pt", cell=[[2.8, 0, 0], [1.4, 2.425, 0], [0, 0, 20]], pbc=True)
    assert [site.name for site in sites_of(graphene_like)] == ["top-Pt", "bridge-Pt2", "hollow-Pt3"]


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("height", [0.8, 1.3, 1.8])
def test_an_adsorbate_belongs_to_the_site_it_stands_on(name, height):
    slab, classes = SURFACES[name][0], named(name)
    for site in classes:
        one = site.sites[-1]
        place = one.position + height * one.normal + [0.05, 0.05, 0]
        found, nearest = nearest_site(place, classes, slab.cell[:], expected=site)
        assert found.name == site.name
        if not name.startswith(("fcc110", "bcc111")):  # in furrows the normals of several sites meet
            assert nearest is one


def test_normals_stand_on_facets():
    classes = {site.name: site.sites[0].normal for site in named("fcc211")}
    up = np.array([0, 0, 1])
    terrace, step = np.degrees(np.arccos([classes["fcc-Pt3-a"] @ up, classes["hollow-Pt4"] @ up]))
    assert terrace == pytest.approx(19.47, abs=0.1)  # between (211) and (111)
    assert step == pytest.approx(35.26, abs=0.1)  # between (211) and (100)
    np.testing.assert_allclose(classes["bridge-Pt2-a"], up, atol=1e-9)  # along the edge
    for site in named("fcc111"):
        np.testing.assert_allclose(site.sites[0].normal, up, atol=1e-9)
