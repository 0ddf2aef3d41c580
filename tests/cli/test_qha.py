"""``equical qha`` as its users meet it."""

import json

import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

FAST = ("--supercell", 2, 2, 2, "--mesh", 10, "--volumes", 5, "--temperatures", 0, 300, 100)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical qha`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu"))
    write("bcc.cif", bulk("Cu", "bcc", a=2.9))
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["qha", *map(str, args)])


def test_prints_a_table_and_goes_on(run, tmp_path):
    done = run("cu.cif", *FAST)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "space group Fm-3m (225), supercell 2×2×2, 5 volumes, 5 displacements"
    kelvin, volume, expansion, bulk_modulus, heat, _ = map(float, lines[-3].split())
    assert (kelvin, 11 < volume < 12.5, 30 < expansion < 90) == (300, True, True)
    assert 90 < bulk_modulus < 140 and 23 < heat < 26
    assert lines[-1] == "results in qha-cu"
    assert json.loads((tmp_path / "qha-cu" / "result.json").read_text())["converged"] is True
    again = run("cu.cif", *FAST, "--resume", "--pressure", 1)
    assert "16 calculations were found from an earlier run" in again.stdout
    assert float(again.stdout.splitlines()[-3].split()[1]) < volume
    assert run("cu.cif", *FAST, "--resume", "--quiet").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["water.xyz"], "periodic in three directions"),
        (["cu.cif", "--volume-range", -0.03, 0.09], "such as 0.97 1.09"),
        (["cu.cif", "--min-length", 9], "not both"),
        (["bcc.cif"], "imaginary modes at 1.09 of the relaxed volume"),
        (["cu.cif", "--volume-range", 1.01, 1.09], "do not bracket the minimum of the free energy at 0 K"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    result = run(*arguments, *FAST)
    assert (result.exit_code, result.stdout) == (1, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("equical: error: ") and message in line
    assert result.stderr.count("equical: error") == 1
