"""Anomalies: each is made by hand and recognised."""

import numpy as np
import pytest
from ase.build import fcc111

from equical.workflows.adsorption.adsorbates import adsorbate
from equical.workflows.adsorption.anomalies import displacement, look_at
from equical.workflows.adsorption.place import place_all
from equical.workflows.adsorption.sites import find_sites
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

SLAB = freeze_bottom(standard_slab(fcc111("Pt", (3, 3, 4), vacuum=8)))
SYMMETRY = SurfaceSymmetry.of(SLAB)
SITES = find_sites(SLAB, SYMMETRY)


def at(name, site):
    """An adsorbate as it is placed on a site."""
    species = adsorbate(name)
    chosen = [one for one in SITES if one.name == site]
    return place_all(SLAB, species, chosen, SYMMETRY, azimuths=(0,))[0].atoms


def outcome(atoms, name, site):
    return look_at(atoms, next(one for one in SITES if one.name == site), SLAB, adsorbate(name), SITES)


@pytest.mark.parametrize("name", ["O", "CO", "OH", "H2O", "O2", "OOH", "CH3OH", "COOH"])
@pytest.mark.parametrize("site", ["top-Pt", "bridge-Pt2", "fcc-Pt3", "hcp-Pt3"])
def test_a_sound_adsorbate(name, site):
    found = outcome(at(name, site), name, site)
    assert found.anomalies == ()
    assert found.final_site == site


def test_numbers():
    found = outcome(at("O", "top-Pt"), "O", "top-Pt")
    assert found.shortest_bond == pytest.approx(0.66 + 1.36)
    assert found.height == pytest.approx(np.sqrt(2.02**2 - 0.1**2))


def test_desorbed():
    atoms = at("CO", "top-Pt")
    atoms.positions[-2:, 2] += 1.2
    assert outcome(atoms, "CO", "top-Pt").anomalies == ("desorbed",)


def test_dissociated():
    atoms = at("OH", "fcc-Pt3")
    atoms.positions[-1, :2] += 1.5
    assert outcome(atoms, "OH", "fcc-Pt3").anomalies == ("dissociated",)


def test_rearranged():
    """The hydrogen of CHO hops from carbon to oxygen."""
    atoms = at("CHO", "top-Pt")
    atoms.positions[-1] = np.add(atoms.positions[-2], [0.3, 0, 0.9])
    assert outcome(atoms, "CHO", "top-Pt").anomalies == ("rearranged",)


def test_migrated():
    atoms = at("O", "bridge-Pt2")
    fcc = next(one for one in SITES if one.name == "fcc-Pt3").sites[-1]
    atoms.positions[-1, :2] = fcc.position[:2] + SLAB.cell[0, :2]
    found = outcome(atoms, "O", "bridge-Pt2")
    assert found.anomalies == ("migrated",)
    assert found.final_site == "fcc-Pt3"


def test_moving_to_an_equivalent_site_is_no_migration():
    atoms = at("O", "fcc-Pt3")
    atoms.positions[-1] += SLAB.cell[0] / 3
    assert outcome(atoms, "O", "fcc-Pt3").anomalies == ()


def test_buried():
    atoms = at("H", "fcc-Pt3")
    atoms.positions[-1, 2] = SLAB.positions[:, 2].max() - 1.1
    assert outcome(atoms, "H", "fcc-Pt3").anomalies == ("buried",)


def test_reconstructed():
    atoms = at("O", "fcc-Pt3")
    atoms.positions[len(SLAB) - 1] += [0.9, 0.6, 0.1]
    assert outcome(atoms, "O", "fcc-Pt3").anomalies == ("reconstructed",)


def test_a_bond_across_the_cell_boundary_is_a_bond():
    atoms = at("OH", "fcc-Pt3")
    atoms.positions[-1] += SLAB.cell[0]
    assert outcome(atoms, "OH", "fcc-Pt3").anomalies == ()


def test_drift_of_a_free_slab_is_no_displacement():
    moved = SLAB.copy()
    moved.set_constraint()
    free = moved.copy()
    moved.positions += [2.0, 0.5, 0.3]
    assert displacement(moved, free) == pytest.approx(0, abs=1e-9)
    assert displacement(moved, SLAB) > 1
