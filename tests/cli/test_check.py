"""``equical check`` as its users meet it: a table, files, exit codes, any calculator."""

import json

import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

FEW = ("--quick", "--only", "forces", "--only", "rotation", "--only", "reuse")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.05, seed=1)
    write(tmp_path / "copper.extxyz", atoms)
    (tmp_path / "mine.py").write_text(
        "from ase.calculators.emt import EMT\n"
        "class Wrong(EMT):\n"
        "    def calculate(self, *args, **keywords):\n"
        "        super().calculate(*args, **keywords)\n"
        "        self.results['forces'] = 1.01 * self.results['forces']\n"
        "def needy(strength): pass\n"
        "number = 3\n"
    )
    return lambda *args: CliRunner().invoke(main, ["check", *args])


@pytest.mark.drawn
def test_a_model_in_float64(run, tiny_model, tmp_path):
    outcome = run("--model", tiny_model, "--dtype", "float64", *FEW)
    assert outcome.exit_code == 0, outcome.output
    assert "ok     rotation" in outcome.stdout
    assert "conservative, float64: all within limits" in outcome.stdout
    folder = tmp_path / "check-tiny"
    data = json.loads((folder / "result.json").read_text())
    assert data["converged"] is True and data["dtype"] == "float64"
    assert {finding["check"] for finding in data["findings"]} == {"forces", "rotation", "reuse"}
    assert (folder / "check.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "check.csv").read_text().startswith("check,structure,value,limit,unit,verdict,detail")


def test_any_calculator_and_exit_code_2(run):
    assert run("--calculator", "emt", "--structure", "copper.extxyz", *FEW).exit_code == 0
    outcome = run("--calculator", "mine:Wrong", "--structure", "copper.extxyz", *FEW)
    assert outcome.exit_code == 2
    assert "FAILED: forces (copper): −dE/dr by finite differences" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--calculator", "nonsense", "--structure", "copper.extxyz"), "there is no calculator 'nonsense'"),
        (("--calculator", "lj"), "give structures for the calculator lj with --structure FILE"),
        (("--calculator", "nowhere:make", "--structure", "copper.extxyz"), "cannot import nowhere"),
        (("--calculator", "mine:nothing", "--structure", "copper.extxyz"), "mine has no nothing"),
        (("--calculator", "mine:number", "--structure", "copper.extxyz"), "is no class and no function"),
        (("--calculator", "mine:needy", "--structure", "copper.extxyz"), "needs strength"),
        (("--only", "spin"), "there is no check 'spin'"),
        (("--structure", "missing.cif"), "no such file: missing.cif"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, arguments, message):
    before = sorted(path for path in tmp_path.iterdir() if path.name != "__pycache__")
    outcome = run(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert len(outcome.stderr.splitlines()) == 1 and message in outcome.stderr
    assert sorted(path for path in tmp_path.iterdir() if path.name != "__pycache__") == before
