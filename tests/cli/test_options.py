"""Options that commands share."""

import os
import subprocess
import sys

import pytest
from ase.build import bulk
from ase.db import connect
from ase.io import read, write
from click.testing import CliRunner

from equical.cli import MODULES, main

DUMP = (
    "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 2.6\n0 2.6\n0 2.6\n"
    "ITEM: ATOMS id type x y z\n1 1 0 0 0\n"
)
READERS = (
    "relax",
    "md",
    "eos",
    "elastic",
    "phonon",
    "qha",
    "conductivity",
    "vib",
    "check",
    "adsorb",
    "bench",
    "finetune",
    "eval",
    "serve",
    "data check",
)


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.mark.parametrize("command", READERS)
def test_commands_that_read_structures_take_format_and_species(command):
    assert command.split()[0] in MODULES
    shown = run(*command.split(), "--help").output
    assert "--format NAME" in shown
    assert "--species LIST" in shown


@pytest.mark.parametrize("command", ["md --steps 1", "relax --steps 1", "eos", "elastic", "phonon", "vib", "bench"])
def test_types_become_elements_only_where_they_are_named(tmp_path, tiny_model, command):
    (tmp_path / "some.thing").write_text(DUMP)
    args = (*command.split(), tmp_path / "some.thing", "--output", tmp_path / "out", "--model", tiny_model)
    done = run(*args)
    assert done.exit_code == 1
    assert "its atoms have types (1) and no elements" in done.stderr
    assert "ASE reads no format called 'nonsense'" in run(*args, "--format", "nonsense").stderr
    assert not (tmp_path / "out").exists()


def test_stated_format_and_species_are_used(tmp_path, tiny_model):
    (tmp_path / "cu.xyz").write_text(DUMP)
    args = ("relax", tmp_path / "cu.xyz", "--output", tmp_path / "out", "--model", tiny_model, "--steps", 0)
    assert run(*args, "--format", "lammps-dump-text", "--species", "Cu").exit_code in (0, 2)
    assert str(read(tmp_path / "out" / "relaxed.extxyz").symbols) == "Cu"


def test_a_file_is_written_over_only_where_that_is_asked_for(tmp_path, tiny_model):
    write(tmp_path / "cu.xyz", bulk("Cu"))
    with connect(tmp_path / "library.db") as database:
        for symbol in ("Ni", "Li"):
            database.write(bulk(symbol))
    args = ("relax", tmp_path / "cu.xyz", "--model", tiny_model, "--steps", 0, "--output", tmp_path / "out")
    refused = run(*args, "--write", tmp_path / "library.db", "--overwrite")
    assert (refused.exit_code, len(connect(tmp_path / "library.db"))) == (1, 2)
    (tmp_path / "POSCAR").write_text("mine")
    assert "POSCAR exists" in run(*args, "--write", tmp_path / "POSCAR").stderr
    assert not (tmp_path / "out").exists()
    assert run(*args, "--write", tmp_path / "POSCAR", "--overwrite").exit_code in (0, 2)
    assert str(read(tmp_path / "POSCAR").symbols) == "Cu"
    assert run(*args, "--write", tmp_path / "POSCAR", "--resume").exit_code in (0, 2)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_terminal_that_lacks_characters_is_no_failure(tmp_path, tiny_model, encoding):
    write(tmp_path / "cu.xyz", bulk("Cu"))
    args = ["relax", tmp_path / "cu.xyz", "--model", tiny_model, "--steps", "0", "--output", tmp_path / "out"]
    script = "import sys\nfrom equical.cli import main\nmain(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 2), done.stderr
    assert b"largest force" in done.stdout
    assert b"Fm-3m (225) ? Fm-3m (225)" in done.stdout


def test_a_note_is_told_once(tmp_path, tiny_model):
    atoms = bulk("Cu", cubic=True)
    atoms.pbc = False
    write(tmp_path / "cu.xyz", atoms)
    args = ("relax", tmp_path / "cu.xyz", "--model", tiny_model, "--steps", 0, "--output")
    (line,) = run(*args, tmp_path / "a").stderr.splitlines()
    assert line.startswith("equical: warning: the structure is not periodic along a, b, c")
    assert run(*args, tmp_path / "b", "--quiet").stderr == ""
