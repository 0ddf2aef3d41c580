"""What goes into a workflow is looked at before anything is computed."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from equical.errors import InputError
from equical.workflows.common.frames import write_structures
from equical.workflows.common.inputs import check_structure, read_structure, read_structures, resolve_calculator


def test_reading_what_is_no_structure(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_structure(tmp_path / "missing.cif")
    with pytest.raises(InputError, match="is a folder"):
        read_structure(tmp_path)
    for name, content in {
        "a.extxyz": b"3\n\nCu 0 0",
        "b.cif": b"\x00\xff\x00",
        "c.unknown": b"hello",
        "POSCAR": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"cannot read a structure from .*{name}|holds no structure") as caught:
            read_structures(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_reading_by_index(tmp_path):
    write_structures(tmp_path / "a.extxyz", [bulk("Cu"), bulk("Ni")])
    assert str(read_structure(tmp_path / "a.extxyz").symbols) == "Ni"
    assert str(read_structure(tmp_path / "a.extxyz", 0).symbols) == "Cu"
    with pytest.raises(InputError, match="there is no structure 2; the file holds 2"):
        read_structure(tmp_path / "a.extxyz", 2)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms(), "no atoms"),
        (Atoms("CuNi", [[0, 0, 0], [np.nan, 0, 0]]), r"atom 1 \(Ni\)"),
        (Atoms("Cu", [[np.inf, 0, 0]]), "not a finite number"),
        (Atoms("Cu", cell=[3, 3, 0], pbc=True), "without volume"),
        (Atoms("Cu", cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True), "without volume"),
        (Atoms("Cu", cell=[3, 3, np.nan], pbc=False), "cell has entries"),
    ],
)
def test_meaningless_structures_are_refused(atoms, message):
    with pytest.raises(InputError, match=message):
        check_structure(atoms)


def test_molecules_and_slabs_without_a_third_vector_pass():
    check_structure(Atoms("CO", [[0, 0, 0], [0, 0, 1.1]]))
    check_structure(Atoms("Cu", cell=[3, 3, 0], pbc=[True, True, False]))


def test_calculator_comes_from_the_argument_or_the_atoms(tmp_path):
    atoms, calculator = bulk("Cu"), EMT()
    assert resolve_calculator(calculator) is calculator
    atoms.calc = calculator
    assert resolve_calculator(None, atoms) is calculator
    with pytest.raises(InputError, match="expected an ASE calculator.*int"):
        resolve_calculator(3)  # type: ignore[arg-type]
