"""``equical neb`` as its users meet it."""

import json

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical neb`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    crystal = bulk("Al", cubic=True) * (2, 2, 2)
    initial, final = crystal.copy(), crystal.copy()
    del initial[0]
    del final[1]
    between = crystal.copy()
    del between[0]
    between.positions[0] /= 2
    write("a.extxyz", initial)
    write("b.extxyz", final[::-1])
    write("path.extxyz", [initial, between, final])
    write("other.extxyz", bulk("Al", cubic=True))
    write("gold.extxyz", Atoms("Au31", final.positions, cell=final.cell, pbc=True))
    (tmp_path / "broken.cif").write_text("nonsense")
    return lambda *args: CliRunner().invoke(main, ["neb", *map(str, args)])


def test_prints_the_path_and_leaves_its_files(run, tmp_path):
    result = run("a.extxyz", "b.extxyz", "--images", 1, "--relax-ends")
    assert result.exit_code == 0, result.stderr
    first, head, *rows = result.stdout.splitlines()
    assert first.startswith("Al31 converged after ") and " steps with 1 image (" in first
    assert head == "image   path (Å)   energy (eV)"
    assert rows[1].startswith("    1      1.") and " 0.38" in rows[1] and rows[1].endswith("  climbing")
    assert rows[3].startswith("  barrier         0.38") and " eV forward, 0.38" in rows[3]
    assert rows[-1] == "  results in      neb-a"
    names = {path.name for path in (tmp_path / "neb-a").iterdir()}
    assert names == {"run.json", "result.json", "ends", "band.extxyz", "band.csv", "saddle.extxyz", "neb.png"}
    again = run("a.extxyz", "b.extxyz", "--images", 1, "--relax-ends", "--resume", "--quiet")
    assert (again.exit_code, again.output) == (0, "")


def test_a_path_that_does_not_converge_is_told(run, tmp_path):
    result = run("--path", "path.extxyz", "--steps", 0, "--fmax", 0.001)
    assert result.exit_code == 2
    assert result.stdout.startswith("Al31 NOT converged after 0 steps with 1 image (")
    assert "equical: warning: the band has not converged in 0 steps: its largest force is " in result.stderr
    written = json.loads((tmp_path / "neb-path" / "result.json").read_text())
    assert written["converged"] is False and written["settings"]["images"] == 1
    assert all(line.startswith("equical: warning: ") for line in result.stderr.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give INITIAL and FINAL, or --path"),
        (["a.extxyz"], "give an initial and a final structure"),
        (["a.extxyz", "none.extxyz"], "no such file"),
        (["a.extxyz", "broken.cif"], "cannot read a structure from broken.cif"),
        (["a.extxyz", "other.extxyz"], "has 31 atoms, and the final one 4"),
        (["a.extxyz", "gold.extxyz"], "is Al31, and the final one Au31"),
        (["a.extxyz", "a.extxyz"], "are the same structure"),
        (["a.extxyz", "b.extxyz", "--path", "path.extxyz"], "leave out the initial"),
        (["--path", "path.extxyz", "--images", 3], "leave out their number"),
        (["a.extxyz", "b.extxyz", "--images", 0], "one image at least"),
        (["a.extxyz", "b.extxyz", "--resume", "--overwrite"], "give one of the two"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not any(path.is_dir() for path in tmp_path.iterdir())
