"""Ranking: by energy, and each minimum once."""

import pytest
from ase.build import add_adsorbate, fcc111

from equical.workflows.adsorption.configurations import rank
from equical.workflows.adsorption.result import Configuration
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

SLAB = fcc111("Pt", (2, 2, 3), vacuum=8)


def configuration(name, energy, site="fcc", offset=(0, 0), **more):
    """Oxygen in a hollow of platinum; ``offset`` counts cells from the first of its kind."""
    atoms = SLAB.copy()
    add_adsorbate(atoms, "O", 1.2, site, offset=offset)
    return Configuration(name, site, 0.0, 0.0, atoms, energy, energy, random="random" in name, **more)


def ranked(*configurations):
    return {one.name: (one.rank, one.same_as) for one in rank(configurations, SurfaceSymmetry.of(SLAB), 1)}


def test_a_random_one_that_became_another_has_no_rank():
    found = ranked(
        configuration("fcc", -1.0),
        configuration("random-1", -1.004, offset=(1, 1)),  # a lattice vector away, and a little deeper
        configuration("random-2", -0.5, "hcp"),
        configuration("random-3", -0.499, "hcp", offset=(1, 0)),
    )
    assert found == {"fcc": (1, None), "random-2": (2, None), "random-1": (None, "fcc"), "random-3": (None, "random-2")}


def test_what_differs_in_place_or_energy_stays():
    found = ranked(
        configuration("fcc", -1.0),
        configuration("random-1", -1.0, "hcp"),
        configuration("random-2", -1.1, offset=(1, 1)),
        configuration("random-3", -2.0, anomalies=("dissociated",)),
    )
    assert found["random-2"] == (1, None)
    assert {found["fcc"][0], found["random-1"][0]} == {2, 3}
    assert found["random-3"] == (None, None)


def test_two_sites_that_end_alike_keep_their_ranks():
    found = ranked(configuration("fcc_az0", -1.0), configuration("fcc_az90", -1.001))
    assert found == {"fcc_az90": (1, None), "fcc_az0": (2, None)}


def test_no_random_one_is_the_same_as_one_with_anomalies():
    found = ranked(configuration("fcc", -1.0, anomalies=("migrated",)), configuration("random-1", -1.0))
    assert found["random-1"] == (1, None)


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_the_random_ones_does_not_matter(order):
    drawn = [configuration("random-1", -1.0), configuration("random-2", -1.005), configuration("random-3", -1.002)]
    assert ranked(*drawn[::order]) == {
        "random-2": (1, None), "random-1": (None, "random-2"), "random-3": (None, "random-2"),
    }  # fmt: skip
