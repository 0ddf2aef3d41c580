"""``equical eos`` as its users meet it."""

import json

import pytest
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical eos`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu"))
    write("far.cif", bulk("Cu", a=4.0))
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["eos", *map(str, args)])


def test_prints_the_equilibrium_and_leaves_its_files(run, tmp_path):
    result = run("cu.cif", "--form", "vinet", "--points", 7, "--volume-range", 0.04)
    assert result.exit_code == 0, result.stderr
    assert "11.5654 Å³/atom" in result.stdout
    assert "fit: vinet, 7 points" in result.stdout
    assert "results in eos-cu" in result.stdout
    data = json.loads((tmp_path / "eos-cu" / "result.json").read_text())
    assert (data["form"], data["num_points"], data["converged"]) == ("vinet", 7, True)
    again = run("cu.cif")
    assert again.exit_code == 1
    assert again.stderr.count("\n") == 1 and "eos-cu is not empty" in again.stderr
    quiet = run("cu.cif", "--overwrite", "--quiet", "--relax-shape")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_a_refused_fit_says_why_and_exits_with_2(run, tmp_path):
    result = run("far.cif")
    assert result.exit_code == 2
    assert result.stderr.startswith("equical: warning: fit refused: the energy still falls at the smallest volume")
    assert result.stderr.count("\n") == 1
    assert "V0" not in result.stdout
    assert json.loads((tmp_path / "eos-far" / "result.json").read_text())["converged"] is False
    quiet = run("far.cif", "--overwrite", "--quiet")
    assert (quiet.exit_code, quiet.output) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["water.xyz"], "periodic in three directions"),
        (["none.cif"], "no such file"),
        (["cu.cif", "--points", 3], "at least 5"),
        (["cu.cif", "--form", "linear"], "'linear'"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not list(tmp_path.glob("eos-*"))
