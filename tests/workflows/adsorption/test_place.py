"""Placements: heights, orientations, and what symmetry leaves out."""

import numpy as np
import pytest
from ase.build import fcc100, fcc111, fcc211
from ase.data import covalent_radii
from ase.geometry import get_distances

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import adsorbate
from equical.workflows.adsorption.place import LOOSE, NUDGE, closest_image, place_all
from equical.workflows.adsorption.sites import find_sites
from equical.workflows.adsorption.slabs import fixed_atoms, freeze_bottom, standard_slab
from equical.workflows.adsorption.symmetry import SurfaceSymmetry


def placed(slab, name, **options):
    slab = freeze_bottom(standard_slab(slab))
    symmetry = SurfaceSymmetry.of(slab)
    return place_all(slab, adsorbate(name), find_sites(slab, symmetry), symmetry, **options)


PT = fcc111("Pt", (3, 3, 4), vacuum=8)


def test_atoms_need_no_orientations():
    assert [p.name for p in placed(PT, "O")] == ["top-Pt", "bridge-Pt2", "fcc-Pt3", "hcp-Pt3"]


def test_upright_molecules_need_no_azimuths():
    assert len(placed(PT, "CO", azimuths=(0, 30, 60, 90))) == 4


def test_equivalent_azimuths_are_left_out():
    """On top the surface has threefold symmetry with mirror planes; a bridge has one mirror plane across it."""
    by_site = {}
    for placement in placed(PT, "OH", azimuths=range(0, 360, 30)):
        by_site.setdefault(placement.site.name, []).append(placement.azimuth)
    assert by_site == {
        "top-Pt": [0, 30, 90],
        "bridge-Pt2": [0, 30, 60, 90, 210, 240, 270],
        "fcc-Pt3": [0, 30, 60],
        "hcp-Pt3": [0, 30, 60],
    }


def test_tilts():
    names = [p.name for p in placed(fcc100("Cu", (3, 3, 3), vacuum=8), "H2")]
    assert names == [
        "top-Cu_tilt0",
        "top-Cu_tilt90",
        "bridge-Cu2_tilt0_az0",
        "bridge-Cu2_tilt0_az90",
        "bridge-Cu2_tilt90",
        "hollow-Cu4_tilt0",
        "hollow-Cu4_tilt90",
    ]
    upright = next(p for p in placed(fcc100("Cu", (3, 3, 3), vacuum=8), "H2") if p.tilt == 90)
    assert np.ptp(upright.atoms.positions[-2:, 2]) == pytest.approx(0.74)


@pytest.mark.parametrize("name", ["H", "CO", "OH", "H2O", "OOH", "CH3OH", "HCOO"])
@pytest.mark.parametrize("slab", [PT, fcc100("Ag", (3, 3, 3), vacuum=8)], ids=["Pt111", "Ag100"])
def test_adsorbates_touch_the_surface_and_do_not_enter_it(name, slab):
    for placement in placed(slab, name):
        species = adsorbate(name)
        atoms = placement.atoms
        bare, molecule = atoms[: len(slab)], atoms[len(slab) :]
        distance = get_distances(molecule.positions, bare.positions, cell=atoms.cell, pbc=[1, 1, 0])[1]
        contact = covalent_radii[molecule.numbers][:, None] + covalent_radii[bare.numbers]
        loose = [i for i in range(len(molecule)) if i not in species.binding]
        contact[loose] *= LOOSE
        plane = bare.positions[:, 2].max()
        in_plane = molecule.positions[:, 2].min() == pytest.approx(plane)  # H fits between the atoms of Ag(100)
        assert (distance / contact).min() == pytest.approx(1.0) or (in_plane and (distance > contact).all())
        assert (molecule.positions[:, 2] > plane - 1e-6).all()


def test_binding_atom_is_beside_its_site():
    for placement in placed(PT, "CHO"):
        aside = placement.atoms.positions[len(PT), :2] - placement.site.sites[0].position[:2]
        assert np.linalg.norm(aside) == pytest.approx(NUDGE)


def test_hollows_of_a_step_are_filled_to_the_same_distance_from_all_their_atoms():
    slab = fcc211("Pt", (3, 2, 4), vacuum=8)
    hollows = [p for p in placed(slab, "O") if p.site.kind == "hollow"]
    assert len(hollows) == 5
    for placement in hollows:
        atoms = placement.atoms
        distances = atoms.get_distances(len(slab), list(placement.site.sites[0].atoms), mic=True)
        assert distances.min() == pytest.approx(2.02)
        assert np.ptp(distances) < 3 * NUDGE


def test_the_slab_is_not_changed():
    for placement in placed(PT, "OH"):
        np.testing.assert_allclose(placement.atoms.positions[: len(PT)], standard_slab(PT).positions)
        assert fixed_atoms(placement.atoms).sum() == len(PT) // 2
        assert not fixed_atoms(placement.atoms)[-2:].any()


def test_overlapping_images_are_refused():
    with pytest.raises(InputError, match=r"cell is too small: CH3OH would come within .* --size 3x3"):
        placed(fcc111("Pt", (1, 1, 4), vacuum=8), "CH3OH")


def test_closest_image():
    placement = placed(PT, "O")[0]
    assert closest_image(placement.atoms, adsorbate("O"))[0] == pytest.approx(PT.cell.lengths()[0])
