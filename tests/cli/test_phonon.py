"""``equical phonon`` as its users meet it."""

import json

import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

FAST = ("--mesh", 20, "--temperatures", 0, 300, 100)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical phonon`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    shaken = bulk("Cu", cubic=True)
    shaken.rattle(0.02, seed=1)
    write("cu.cif", bulk("Cu", cubic=True))
    write("bcc.cif", bulk("Cu", "bcc", a=2.9))
    write("shaken.cif", shaken)
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["phonon", *map(str, args), *map(str, FAST)])


def test_prints_a_summary_and_leaves_its_files(run, tmp_path):
    result = run("cu.cif", "--supercell", 2, 2, 2)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("space group Fm-3m (225), supercell 2×2×2, 1 displacements\n")
    assert "dynamically stable: no imaginary modes" in result.stdout
    assert result.stderr.startswith("equical: warning: the supercell is only 7.2 Å wide")
    data = json.loads((tmp_path / "phonon-cu" / "result.json").read_text())
    assert data["temperatures"] == [0, 100, 200, 300]
    again = run("cu.cif", "--supercell", 2, 2, 2, "--resume", "--quiet")
    assert (again.exit_code, again.output) == (0, "")
    assert json.loads((tmp_path / "phonon-cu" / "result.json").read_text())["num_reused"] == 3


def test_imaginary_modes_are_listed(run):
    result = run("bcc.cif", "--min-length", 7)
    assert result.exit_code == 0, result.stderr
    assert "imaginary:   -1." in result.stdout
    assert "band 1 (H–N)" in result.stdout
    assert "equical: warning: imaginary modes, down to -1." in result.stderr


def test_forces(run, tmp_path):
    refused = run("shaken.cif", "--supercell", 1, 1, 1)
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1 and "--relax-first" in refused.stderr
    assert not (tmp_path / "phonon-shaken").exists()
    assert run("shaken.cif", "--supercell", 1, 1, 1, "--force").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["water.xyz"], "periodic in three directions"),
        (["cu.cif", "--supercell", 2, 2, 2, "--min-length", 9], "not both"),
        (["cu.cif", "--min-length", 0], "a length in Å such as 10"),
        (["cu.cif", "--supercell", 0, 1, 1], "three numbers of repeats"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr


def test_negative_temperatures_are_refused(run):
    result = CliRunner().invoke(main, ["phonon", "cu.cif", "--temperatures", "-10", "300", "10"])
    assert result.exit_code == 1
    assert "none of them negative" in result.stderr
