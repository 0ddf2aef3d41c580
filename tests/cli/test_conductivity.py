"""``equical conductivity`` as its users meet it."""

import json

import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

pytest.importorskip("phono3py")

FAST = ("--supercell", 3, 3, 3, "--third-order-supercell", 3, 3, 3, "--mesh", 6, "--temperatures", 100, 300, 200)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical conductivity`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu"))
    write("bcc.cif", bulk("Cu", "bcc", a=2.9))
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["conductivity", *map(str, args)])


def test_prints_a_table_and_goes_on(run, tmp_path):
    done = run("cu.cif", *FAST, "--report")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("space group Fm-3m (225), supercells 3×3×3 and 3×3×3 (third order), ")
    kelvin, along, *others, mean, coarser = map(float, lines[-3].split())
    assert kelvin == 300 and 0 < coarser != mean
    assert [along, *others] == pytest.approx([mean] * 3)
    assert lines[-2:] == ["results in conductivity-cu", "page to look at: conductivity-cu/report.html"]
    assert json.loads((tmp_path / "conductivity-cu" / "result.json").read_text())["converged"] is True
    again = run("cu.cif", *FAST, "--resume", "--method", "lbte")
    assert "calculations were found from an earlier run" in again.stdout
    assert run("cu.cif", *FAST, "--resume", "--quiet").output == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["water.xyz"], "periodic in three directions"),
        (["cu.cif", "--temperatures", 0, 300, 100], "above 0 K"),
        (["cu.cif", "--min-length", 9], "not both"),
        (["cu.cif", "--third-order-min-length", 9], "not both"),
        (["bcc.cif"], "imaginary modes, down to -"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    result = run(*arguments[:1], *FAST, *arguments[1:])
    assert (result.exit_code, result.stdout) == (1, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("equical: error: ") and message in line
    assert result.stderr.count("equical: error") == 1
