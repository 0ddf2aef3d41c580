"""``equical relax`` as its users meet it: files, exit codes, and one line for each mistake."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read, write
from click.testing import CliRunner

from equical.cli import main


def run(*args):
    return CliRunner().invoke(main, ["relax", *map(str, args)])


@pytest.fixture
def relax(tmp_path, monkeypatch):
    """Run ``equical relax`` in an empty folder, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    return run


@pytest.fixture
def strained(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell.array * [1.03, 0.98, 1.01], scale_atoms=True)
    atoms.rattle(0.05, seed=1)
    write(tmp_path / "strained.cif", atoms)
    return atoms


def process(*args, cwd):
    command = [sys.executable, "-m", "equical", "relax", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def one_error(result, *parts):
    """Exit code 1, nothing on standard output, and one line of error that says all ``parts``."""
    lines = result.stderr.strip().splitlines()
    code = getattr(result, "exit_code", None) or getattr(result, "returncode", None)
    assert (code, result.stdout, len(lines)) == (1, "", 1), result.stderr
    assert lines[0].startswith("equical: error: ")
    for part in parts:
        assert part in lines[0]
    return True


def test_converged_run_prints_a_summary_and_leaves_its_files(relax, strained, tmp_path):
    result = relax("strained.cif", "--cell", "--write", "POSCAR")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Cu4 converged after ")
    assert "space group     P1 (1) → Fm-3m (225)" in result.stdout
    assert "results in      relax-strained" in result.stdout
    data = json.loads((tmp_path / "relax-strained" / "result.json").read_text())
    assert data["converged"] is True
    final = read(tmp_path / "POSCAR")
    np.testing.assert_allclose(final.cell.lengths(), data["cell_lengths"], atol=1e-6)
    assert final.get_chemical_symbols() == ["Cu"] * 4


def test_exit_code_2_for_too_few_steps_and_resume(relax, strained):
    result = relax("strained.cif", "--steps", 1)
    assert result.exit_code == 2
    assert "NOT converged after 1 steps" in result.stdout
    assert "--resume --steps 2" in result.stdout
    assert one_error(relax("strained.cif"), "relax-strained is not empty", "--overwrite")
    assert relax("strained.cif", "--resume").exit_code == 0
    assert relax("strained.cif", "--overwrite", "--quiet").stdout == ""


def test_options_reach_the_workflow(relax, strained, tmp_path):
    options = {"--fmax": 0.05, "--smax": 0.5, "--steps": 77, "--optimizer": "fire", "--output": "out"}
    pairs = [word for pair in options.items() for word in pair]
    assert relax("strained.cif", "--fix-volume", "--symmetry", *pairs).exit_code == 0
    settings = json.loads((tmp_path / "out" / "result.json").read_text())["settings"]
    assert settings == {
        "fmax": 0.05,
        "smax": 0.5,
        "steps": 77,
        "cell": "fixed-volume",
        "pressure": 0.0,
        "symmetry": True,
        "optimizer": "fire",
    }
    assert relax("strained.cif", "--fix-shape", "--pressure", "2", "--output", "out2").exit_code == 0
    data = json.loads((tmp_path / "out2" / "result.json").read_text())
    assert data["settings"]["cell"] == "fixed-shape"
    assert data["pressure"] == pytest.approx(2, abs=0.02)


def test_constraints_of_the_file_are_respected(relax, tmp_path):
    slab = fcc111("Cu", (1, 1, 4), vacuum=8)
    slab.info.clear()
    slab.rattle(0.05, seed=0)
    slab.set_constraint(FixAtoms([0, 1]))
    write(tmp_path / "slab.extxyz", slab)
    assert relax("slab.extxyz").exit_code == 0
    relaxed = read(tmp_path / "relax-slab" / "relaxed.extxyz")
    np.testing.assert_allclose(relaxed.positions[:2], slab.positions[:2], atol=1e-7)
    assert np.abs(relaxed.positions[2:] - slab.positions[2:]).max() > 0.01
    assert relaxed.constraints[0].index.tolist() == [0, 1]


def test_many_structures_one_bad(relax, strained, tmp_path):
    write(tmp_path / "many.extxyz", [strained, bulk("Fe"), bulk("Ni", a=3.5)])
    result = relax("many.extxyz", "--write", "all.extxyz")
    assert result.exit_code == 1
    assert result.stderr.startswith("equical: error: structure 1 (Fe): ")
    assert len(result.stderr.splitlines()) == 1
    assert "2 of 3 converged; results in relax-many" in result.stdout
    assert [len(atoms) for atoms in read(tmp_path / "all.extxyz", ":")] == [4, 1]
    assert relax("many.extxyz", "--index", "::2", "--output", "good").exit_code == 0
    assert relax("many.extxyz", "--index", "0", "--steps", "0", "--output", "one").exit_code == 2
    assert not (tmp_path / "one" / "0").exists()
    result = relax("many.extxyz", "--index", "::2", "--steps", "0", "--output", "short")
    assert result.exit_code == 2


def test_mistakes_are_one_line_and_leave_nothing_behind(relax, strained, tmp_path):
    (tmp_path / "garbage.cif").write_text("this is no cif")
    (tmp_path / "truncated.extxyz").write_text('4\nLattice="3 0 0 0 3 0 0 0 3"\nCu 0 0 0\n')
    write(tmp_path / "nan.extxyz", Atoms("Cu2", [[0, 0, 0], [np.nan, 0, 0]]))
    write(tmp_path / "flat.extxyz", Atoms("Cu", cell=[[3, 0, 0], [6, 0, 0], [0, 0, 3]], pbc=True))
    write(tmp_path / "molecule.xyz", Atoms("Cu2", [[0, 0, 0], [2.2, 0, 0]]))
    before = sorted(tmp_path.iterdir())
    assert one_error(relax("missing.cif"), "no such file: missing.cif")
    assert one_error(relax("garbage.cif"), "garbage.cif")
    assert one_error(relax("truncated.extxyz"), "cannot read a structure from truncated.extxyz")
    assert one_error(relax("."), "is a folder")
    assert one_error(relax("nan.extxyz"), "atom 1 (Cu)", "not a finite number")
    assert one_error(relax("flat.extxyz"), "without volume")
    assert one_error(relax("molecule.xyz", "--cell"), "three lattice vectors")
    assert one_error(relax("strained.cif", "--pressure", "1"), "--cell")
    assert one_error(relax("strained.cif", "--fmax", "-1"), "fmax must be a positive number")
    assert one_error(relax("strained.cif", "--fix-shape", "--fix-volume"), "nothing of the cell to relax")
    assert one_error(relax("strained.cif", "--index", "7"), "no structure 7")
    assert one_error(relax("strained.cif", "--index", "x"), "neither a number nor a slice")
    assert one_error(relax("strained.cif", "--write", "a.nonsense"), "no file format")
    assert one_error(relax("strained.cif", "--write", "missing/a.cif"), "missing/a.cif")
    assert one_error(relax("strained.cif", "--output", "garbage.cif"), "garbage.cif is a file")
    assert one_error(relax("strained.cif", "--output", "/proc/out"), "cannot write to output folder")
    assert sorted(tmp_path.iterdir()) == before


def test_mistakes_with_models_are_one_line_and_leave_nothing_behind(tiny_model, strained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, tmp_path / "truncated")
    weights = tmp_path / "truncated" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    shutil.copytree(tiny_model, tmp_path / "corrupted")
    (tmp_path / "corrupted" / "config.json").write_text('{"schema')
    write(tmp_path / "fe.cif", bulk("Fe"))
    write(tmp_path / "close.extxyz", Atoms("Cu2", [[0, 0, 0], [0, 0, 1e-5]], cell=[5, 5, 5], pbc=True))
    before = sorted(tmp_path.iterdir())
    assert one_error(run("strained.cif", "--model", "no-such-model"), "no-such-model")
    assert one_error(run("strained.cif", "--model", tmp_path / "truncated"), "model.safetensors")
    assert one_error(run("strained.cif", "--model", tmp_path / "corrupted"), "config.json")
    assert one_error(run("fe.cif", "--model", tiny_model), "Fe", "Cu")
    assert one_error(run("close.extxyz", "--model", tiny_model), "0", "1")
    assert one_error(run("strained.cif", "--model", tiny_model, "--device", "tpu"), "tpu")
    assert sorted(tmp_path.iterdir()) == before


def test_a_model_in_a_real_process(tiny_model, strained, tmp_path, monkeypatch):
    done = process("strained.cif", "--model", tiny_model, "--cell", "--steps", "1", "--dtype", "float64", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    data = json.loads((tmp_path / "relax-strained" / "result.json").read_text())
    assert data["model"]["name"] == "tiny"
    assert len(data["model"]["sha256"]) == 64
    assert data["dtype"] == "float64"
    monkeypatch.chdir(tmp_path)
    debug = run("missing.cif", "--debug")
    assert debug.exit_code == 1
    assert debug.stderr.startswith("Traceback")
    assert debug.stderr.strip().splitlines()[-1] == "equical: error: no such file: missing.cif"
