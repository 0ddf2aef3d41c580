"""Whatever a structure carries, it is written, and what was written is read again."""

import io
import os

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.db import connect
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from equical.errors import InputError
from equical.structures import read_structure
from equical.workflows.common.frames import append_structure, as_extxyz, check_writable, snapshot, write_structures


def test_structures_survive_the_round_trip_with_results_and_constraints(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=1)
    atoms.set_constraint(FixAtoms([0, 2]))
    atoms.calc = EMT()
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(apply_constraint=False), atoms.get_stress()
    write_structures(tmp_path / "a.extxyz", [snapshot(atoms), snapshot(atoms)])
    again = read(tmp_path / "a.extxyz", index=":")[1]
    assert again.get_potential_energy() == pytest.approx(energy, abs=1e-7)
    np.testing.assert_allclose(again.get_forces(apply_constraint=False), forces, atol=1e-7)
    np.testing.assert_allclose(again.get_stress(), stress, atol=1e-7)
    assert again.constraints[0].index.tolist() == [0, 2]


def test_info_that_no_file_can_hold_is_left_out(tmp_path):
    slab = fcc111("Cu", (1, 1, 2), vacuum=5)
    assert "adsorbate_info" in slab.info
    slab.info |= {"name": "clean", "origin": np.array([0.0, 1.0])}
    write_structures(tmp_path / "slab.extxyz", slab)
    append_structure(tmp_path / "slab.extxyz", slab)
    for again in read(tmp_path / "slab.extxyz", ":"):
        assert again.info["name"] == "clean"
        np.testing.assert_array_equal(again.info["origin"], [0.0, 1.0])
    assert "adsorbate_info" in slab.info


def test_snapshot_drops_results_of_another_geometry():
    atoms = bulk("Cu", cubic=True)
    atoms.calc = EMT()
    atoms.get_potential_energy()
    atoms.rattle(0.1, seed=2)
    assert snapshot(atoms).calc is None


def test_final_structure_file_is_checked_before_the_work(tmp_path):
    assert check_writable(tmp_path / "a.cif") == tmp_path / "a.cif"
    assert check_writable(tmp_path / "POSCAR") == tmp_path / "POSCAR"
    with pytest.raises(InputError, match="no file format for a.xyzzy"):
        check_writable(tmp_path / "a.xyzzy")
    with pytest.raises(InputError, match="missing or read-only"):
        check_writable(tmp_path / "missing" / "a.cif")
    assert not os.listdir(tmp_path)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.binary() | st.text()
NESTED = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
ARRAYS = st.sampled_from(
    [np.eye(3), np.zeros(0), np.array("a b"), np.array(["a", "b c"]), np.array([object()]), np.ones(4)]
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text() | st.sampled_from(["energy", "stress", "Lattice", "pbc", "step"]), NESTED | ARRAYS))
def test_frames_are_read_again_whatever_their_info_holds(info):
    atoms = bulk("Cu", cubic=True)
    atoms.info = dict(info)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.5, forces=np.ones((4, 3)), stress=np.arange(6.0))
    text = as_extxyz(atoms)
    assert text.count("\n") == 6 and text.splitlines() == text.rstrip("\n").split("\n")
    again = read(io.StringIO(text), format="extxyz")
    assert again.pbc.all() and again.get_potential_energy() == -1.5
    np.testing.assert_allclose(again.cell, atoms.cell)
    np.testing.assert_array_equal(again.get_stress(), np.arange(6.0))
    assert atoms.info.keys() == info.keys()


def test_text_keeps_its_words_on_one_line():
    atoms = bulk("Cu")
    atoms.info = {"title": "first\nsecond\u2028third", "note": 'it\'s 50 % = "half"', "path": "C:\\", "empty": ""}
    again = read(io.StringIO(as_extxyz(atoms)), format="extxyz")
    assert again.info["title"] == "first second third"
    assert "empty" not in again.info


@pytest.mark.parametrize("name", ["energy", "free_energy", "stress", "forces", "energies", "magmom"])
def test_results_left_in_a_structure_are_not_taken_for_those_of_the_calculation(tmp_path, name):
    atoms = bulk("Cu", cubic=True)
    atoms.info[name] = 7.0
    atoms.set_array("forces", np.full((4, 3), 9.0))
    atoms.calc = EMT()
    energy = atoms.get_potential_energy()
    write_structures(tmp_path / "a.extxyz", snapshot(atoms))
    again = read(tmp_path / "a.extxyz")
    assert again.get_potential_energy() == pytest.approx(energy)
    assert name not in again.info
    assert np.abs(again.get_forces()).max() < 1e-6


@pytest.mark.parametrize(
    "values",
    [np.array(["a b", "", "c", "d"]), np.array([None, 1, 2, 3]), np.ones(4) * 1j, np.ones((4, 2, 2))],
    ids=["words", "objects", "complex", "tensors"],
)
def test_arrays_that_no_column_can_hold_are_left_out(values):
    atoms = bulk("Cu", cubic=True)
    atoms.arrays["extra"] = values
    atoms.set_array("tags of mine", np.arange(4))
    atoms.set_array("tag", np.arange(4))
    again = read(io.StringIO(as_extxyz(atoms)), format="extxyz")
    assert set(again.arrays) == {"numbers", "positions", "tag"}


def test_final_structure_file_is_not_replaced_unless_asked(tmp_path):
    (tmp_path / "POSCAR").write_text("years of work")
    with pytest.raises(InputError, match="POSCAR exists; choose another name, or replace it with --overwrite"):
        check_writable(tmp_path / "POSCAR")
    check_writable(tmp_path / "POSCAR", replace=True)


@pytest.mark.parametrize("name", ["library.db", "library.json"])
def test_a_database_of_more_structures_is_never_replaced(tmp_path, name):
    with connect(tmp_path / name) as database:
        for symbol in ("Cu", "Ni", "Li"):
            database.write(bulk(symbol))
    for replace in (False, True):
        with pytest.raises(InputError, match=f"holds 3 structures, all of which.*--insert-into .*{name}"):
            check_writable(tmp_path / name, 2, replace=replace)
    check_writable(tmp_path / name, 3, replace=True)  # what an earlier run has written
    assert len(connect(tmp_path / name)) == 3


def test_a_file_that_only_looks_like_a_database_is_a_file(tmp_path):
    (tmp_path / "a.json").write_text('{"lattice": 1}')
    check_writable(tmp_path / "a.json", replace=True)
    with pytest.raises(InputError, match="exists"):
        check_writable(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "message"),
    [("a.xtl", "ASE cannot write a.xtl .mustem.: .*choose another format"), ("a.mol", "would not hold the lattice")],
)
def test_a_format_that_cannot_hold_the_structure_is_refused_before_the_work(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        check_writable(tmp_path / name, like=bulk("Cu"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a.cif", "POSCAR", "a.extxyz", "a.traj", "a.db", "a.html", "a.lammps-data", "a.xyz.gz"]
)
def test_formats_that_can_are_accepted(tmp_path, name):
    assert check_writable(tmp_path / name, like=bulk("Cu", cubic=True)) == tmp_path / name
    assert check_writable(tmp_path / "a.mol", like=molecule("H2O")) == tmp_path / "a.mol"
    assert list(tmp_path.iterdir()) == []


def test_elements_survive_in_data_files_of_lammps(tmp_path):
    write_structures(tmp_path / "a.lammps-data", bulk("NaCl", "rocksalt", a=5.6))
    assert sorted(read_structure(tmp_path / "a.lammps-data").symbols) == ["Cl", "Na"]
