"""Bulk crystals: the cell that Miller indices refer to, and what is no crystal."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal

from equical.errors import InputError
from equical.workflows.adsorption.bulks import bulk_crystal, find_bulk
from tests.fixtures.slabs.pymatgen_slabs import CRYSTALS


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize(
    "given",
    [bulk("Cu"), bulk("Cu", cubic=True), bulk("Cu", cubic=True) * (1, 1, 2), bulk("Cu", orthorhombic=True)],
    ids=["primitive", "conventional", "repeated", "body-centred"],
)
def test_any_cell_of_an_element_becomes_the_conventional_one(given, noise):
    given = given.copy()
    given.positions += np.random.default_rng(0).normal(scale=noise, size=given.positions.shape)
    found = bulk_crystal(given)
    assert len(found) == 4
    assert found.cell.cellpar() == pytest.approx([3.61] * 3 + [90] * 3)


def test_hexagonal_axes_make_120_degrees():
    given = bulk("Ru")
    given.set_cell([given.cell[0], given.cell[0] + given.cell[1], given.cell[2]])
    assert bulk_crystal(given).cell.cellpar()[3:] == pytest.approx([90, 90, 120])


def test_a_larger_cell_that_shows_the_symmetry_is_kept():
    """Faces of L1_0 are counted in its cell of four atoms, or of two, by whoever gives that."""
    assert bulk_crystal(CRYSTALS["l10"]) == CRYSTALS["l10"]
    two = Atoms("CuAu", cell=[2.8, 2.8, 3.67], scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], pbc=True)
    assert len(bulk_crystal(two)) == 2


def test_the_order_of_given_axes_is_kept():
    """Pbnm is Pnma with other names for its axes; (0 0 1) stays what its owner calls so."""
    basis = [(0.036, 0.25, 0.993), (0, 0, 0.5), (0.484, 0.25, 0.071), (0.289, 0.037, 0.712)]
    pnma = crystal("CaTiOO", basis, spacegroup=62, cellpar=[5.44, 7.64, 5.38, 90, 90, 90])
    pbnm = Atoms(
        pnma.numbers,
        cell=np.diag([5.38, 5.44, 7.64]),
        scaled_positions=pnma.get_scaled_positions()[:, [2, 0, 1]],
        pbc=True,
    )
    assert bulk_crystal(pbnm).cell.lengths() == pytest.approx([5.38, 5.44, 7.64])
    assert bulk_crystal(pbnm * (2, 1, 1)).cell.lengths() == pytest.approx([5.38, 5.44, 7.64])


def test_files_need_no_suffix(tmp_path):
    write(tmp_path / "POSCAR", bulk("Cu"))
    assert len(bulk_crystal(tmp_path / "POSCAR")) == 4


def test_crystals_by_formula_keep_their_cell():
    """L1_0 has four atoms in the cell that its faces are called after."""
    assert len(bulk_crystal("CuAu")) == 4
    assert len(bulk_crystal("SrTiO3")) == 5
    assert bulk_crystal("Cu", "hcp").cell.cellpar()[3:] == pytest.approx([90, 90, 120])
    assert find_bulk("Pt3Ni").guess == "L1_2"
    assert find_bulk("Pt3Ni", "l12").guess == find_bulk("Pt").guess == ""


def test_unusable_crystals(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        bulk_crystal(tmp_path / "none.cif")
    with pytest.raises(InputError, match="or a structure file, not 'Xx'"):
        bulk_crystal("Xx")
    with pytest.raises(InputError, match="a crystal from a file is taken as it is"):
        bulk_crystal(bulk("Cu"), "fcc")
    with pytest.raises(InputError, match="not a bulk crystal"):
        bulk_crystal(Atoms("Pt"))
    with pytest.raises(InputError, match="no simple crystal structure is known for P:"):
        bulk_crystal("P")
