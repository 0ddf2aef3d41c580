"""Results are whole or absent, and never overwritten silently."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read

import equical
from equical.errors import InputError
from equical.workflows.common import output as module
from equical.workflows.common.output import (
    append_structure,
    atomic_path,
    check_structure,
    check_writable,
    open_output,
    provenance,
    read_structure,
    read_structures,
    resolve_calculator,
    snapshot,
    write_json,
    write_structures,
)


def test_default_folder_names_command_and_stem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_output(None, "relax", "cu", []) == Path("relax-cu")
    assert list((tmp_path / "relax-cu").iterdir()) == []


def test_occupied_folder_is_refused_unless_asked(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty.*--overwrite"):
        open_output(tmp_path, "relax", "cu", [])
    open_output(tmp_path, "relax", "cu", [], resume=True)
    assert (tmp_path / "result.json").exists()


def test_overwriting_removes_what_such_runs_leave_and_nothing_else(tmp_path):
    for name in ("result.json", "points/0.npz", "points/mine.txt", "steps/1.npz", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    open_output(tmp_path, "eos", "cu", ["points/*.npz", "steps/*.npz", "eos.png"], overwrite=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"points", "points/mine.txt", "notes.txt"}


def test_output_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder"):
        open_output(tmp_path / "file", "relax", "cu", [])
    with pytest.raises(InputError, match="cannot write to output folder"):
        open_output(tmp_path / "file" / "below", "relax", "cu", [])
    with pytest.raises(InputError, match="cannot write to output folder"):
        open_output("/proc/equical", "relax", "cu", [])


def test_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"energy": 1.0})
    with pytest.raises(OSError, match="disk full"), atomic_path(target) as temporary:
        temporary.write_text("half a fi")
        raise OSError("disk full")
    assert json.loads(target.read_text()) == {"energy": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_kill_between_write_and_rename_leaves_the_old_file(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"energy": 1.0})
    script = (
        "import os, signal, sys\n"
        "from equical.workflows.common import output\n"
        "output.os.replace = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        "output.write_json(sys.argv[1], {'energy': 2.0})\n"
    )
    process = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert json.loads(target.read_text()) == {"energy": 1.0}


def test_json_is_strict_and_plain(tmp_path):
    @dataclass
    class Fit:
        volume: float

    write_json(
        tmp_path / "a.json",
        {"array": np.eye(2), "nan": np.nan, "count": np.int64(3), "flag": np.True_, "fit": Fit(2.0), 1: (Path("b"),)},
    )
    expected = {"array": [[1, 0], [0, 1]], "nan": None, "count": 3, "flag": True, "fit": {"volume": 2.0}, "1": ["b"]}
    assert json.loads((tmp_path / "a.json").read_text()) == expected


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


def test_provenance_of_a_package_that_runs_from_its_sources(monkeypatch):
    """Without the metadata that only installing leaves."""

    def version(name):
        if name == "equical":
            raise PackageNotFoundError(name)
        return installed(name)

    installed = module.version
    monkeypatch.setattr(module, "version", version)
    assert provenance(EMT())["versions"]["equical"] == equical.__version__


def test_provenance_names_calculator_and_versions():
    record = provenance(EMT())
    assert record["model"] == {"calculator": "EMT"}
    assert set(record["versions"]) == {"equical", "torch", "ase", "numpy", "python"}


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


def test_final_structure_file_is_checked_before_the_work(tmp_path):
    assert check_writable(tmp_path / "a.cif") == tmp_path / "a.cif"
    assert check_writable(tmp_path / "POSCAR") == tmp_path / "POSCAR"
    with pytest.raises(InputError, match="no file format for a.xyzzy"):
        check_writable(tmp_path / "a.xyzzy")
    with pytest.raises(InputError, match="missing or read-only"):
        check_writable(tmp_path / "missing" / "a.cif")
    assert not os.listdir(tmp_path)
