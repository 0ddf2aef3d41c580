"""``equical elastic`` as its users meet it."""

import json

import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical elastic`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu", a=3.55))
    write("bcc.cif", bulk("Cu", "bcc", a=2.86))
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["elastic", *map(str, args)])


def test_prints_constants_and_moduli(run, tmp_path):
    refused = run("cu.cif", "--as-given")
    assert refused.exit_code == 1
    assert refused.stderr.count("\n") == 1 and "without --as-given" in refused.stderr
    assert not (tmp_path / "elastic-cu").exists()
    result = run("cu.cif")
    assert result.exit_code == 0, result.stderr
    assert "Fm-3m (225)" in result.stdout
    first, *lines = result.stdout.splitlines()
    assert first.startswith("cell and ions were relaxed first: volume +3.4")
    assert lines[7].startswith("largest change of a modulus from strains of 0.005 to 0.02: ")
    assert [float(x) for x in lines[1].split()[:2]] == pytest.approx([172.6, 115.4], abs=0.3)
    assert lines[9].split()[0] == "bulk" and lines[9].endswith(" GPa")
    assert lines[-2:] == ["mechanically stable (Born)", "results in elastic-cu"]
    assert json.loads((tmp_path / "elastic-cu" / "result.json").read_text())["stable"] is True


def test_stress_insisted_on_is_not_converged(run):
    result = run("cu.cif", "--as-given", "--force", "--clamped", "--quiet")
    assert (result.exit_code, result.output) == (2, "")


def test_instability_is_told(run):
    result = run("bcc.cif")
    assert result.exit_code == 0
    assert result.stderr.startswith("equical: warning: mechanically unstable (Born)")
    assert "mechanically unstable: no moduli" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["water.xyz"], "periodic in three directions"), (["cu.cif", "--strains", 5], "even number")],
)
def test_mistakes_are_one_line(run, arguments, message):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
