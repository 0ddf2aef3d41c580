"""``equical md`` as its users meet it."""

import json
import re

import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.io import read, write
from click.testing import CliRunner

from equical.cli import main
from equical.cli.md import ENSEMBLES
from equical.workflows import md as workflow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical md`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.cif", bulk("Cu", cubic=True))
    write("slab.cif", fcc111("Cu", (2, 2, 3), vacuum=6.0))
    write("water.xyz", molecule("H2O"))
    return lambda *args: CliRunner().invoke(main, ["md", *map(str, args)])


def test_ensembles_are_those_of_the_workflow():
    assert list(ENSEMBLES) == list(workflow.ENSEMBLES)


@pytest.mark.filterwarnings("ignore:mean temperature")
def test_runs_reports_and_resumes(run, tmp_path):
    options = ["cu.cif", "--ensemble", "npt", "--timestep", 4, "--pressure", 1, "--interval", 1]
    result = run(*options, "--steps", 22, "--output", "out")
    assert result.exit_code == 0, result.stderr
    assert "steps              22 (0.088 ps)" in result.stdout
    for name in ("temperature", "pressure", "volume", "density", "energy drift", "diffusion of Cu"):
        assert f"\n{name} " in result.stdout
    assert "diffusion of Cu    none: mean square displacement of " in result.stdout
    assert "nan" not in result.stdout
    assert "results in out" in result.stdout
    again = run(*options, "--steps", 22, "--output", "out")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "not empty" in again.stderr
    longer = run(*options, "--steps", 30, "--output", "out", "--resume")
    assert longer.exit_code == 0, longer.stderr
    assert "resumed from       step 22" in longer.stdout
    assert len(read("out/trajectory.extxyz", index=":")) == 31
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (data["steps"], data["settings"]["pressure"], data["model"]["calculator"]) == (30, 1.0, "EMT")
    other = run(*options, "--steps", 30, "--output", "out", "--resume", "--seed", 2)
    assert other.exit_code == 1
    assert "seed was 0; keep to that" in other.stderr


def test_old_options_work_for_one_release(run):
    options = ["cu.cif", "--ensemble", "nve", "--timestep", 4, "--output", "out"]
    first = run(*options, "--steps", 10, "--equilibration", 0.5)
    assert (first.exit_code, first.stderr.count("\n")) == (0, 1)
    assert first.stderr.startswith("equical: warning: --equilibration is called --equilibrate now, and will be refused")
    again = run(*options, "--steps", 20, "--restart")
    assert (again.exit_code, again.stderr.count("\n")) == (0, 1)
    assert again.stderr.startswith("equical: warning: --restart is called --resume now, and will be refused")
    assert "resumed from       step 10" in again.stdout
    assert run(*options, "--steps", 30, "--restart", "--quiet").output == ""
    assert not {"--restart", "--equilibration"} & set(run("--help").stdout.split())


def test_a_short_run_prints_no_error_it_does_not_know(run):
    result = run("cu.cif", "--steps", 10)
    assert re.search(r"\ntemperature +[\d.]+ K\n", result.stdout)
    assert result.stderr.startswith("equical: warning: mean temperature of ")
    assert result.stderr.count("\n") == 1


def test_ramp_default_folder_and_quiet(run, tmp_path):
    result = run("cu.cif", "--temperature", "300:900", "--steps", 10, "--interval", 5, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    rows = (tmp_path / "md-cu" / "thermo.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows[1:]] == ["300", "600", "900"]


def test_atoms_that_fly_apart_are_exit_code_2_and_one_line(run, tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.positions[1] = atoms.positions[0] + [1.5, 0, 0]
    write("close.extxyz", atoms)
    result = run("close.extxyz", "--ensemble", "nve", "--timestep", 5, "--steps", 40)
    assert result.exit_code == 2
    line = [line for line in result.stderr.splitlines() if line.startswith("equical:")]
    assert len(line) == 1
    assert line[0].startswith("equical: warning: atoms flew apart at step ")
    assert line[0].endswith("the last good step is md-close/final.extxyz")
    assert json.loads((tmp_path / "md-close" / "result.json").read_text())["converged"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.cif"], "no such file"),
        (["cu.cif", "--ensemble", "nvt"], "'nvt' is not one of 'nve'"),
        (["cu.cif", "--temperature", "warm"], "'warm' is not a temperature in K such as 300"),
        (["cu.cif", "--temperature", "1:2:3"], "nor a ramp such as 300:900"),
        (["cu.cif", "--temperature", "-5"], "0 or more, not -5"),
        (["cu.cif", "--pressure", 5], "bussi keeps the cell fixed"),
        (["slab.cif", "--ensemble", "npt"], "would close the 12.0 Å of vacuum along c"),
        (["water.xyz", "--timestep", 6], "cannot follow hydrogen"),
        (["cu.cif", "--keep-velocities"], "carries no velocities"),
        (["cu.cif", "--steps", 10, "--equilibrate", 10], "10 steps to equilibrate leave none of 10"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("equical: error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not list(tmp_path.glob("md-*"))
