"""Every workflow runs with any ASE calculator, named on the command line."""

import json
import sys

import pytest
from ase.build import bulk, fcc111, molecule
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

CODE = """
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
def argon(): return LennardJones(sigma=3.4, epsilon=0.0104, rc=12)
def unlicensed(): raise ValueError("no licence")
def other(): return 3
class Failing(EMT):
    def calculate(self, *args, **keywords): raise RuntimeError("out of patience")
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command in a folder that holds structures and a module, which is not on the path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", ".", str(tmp_path))])
    (tmp_path / "calculators_here.py").write_text(CODE)
    write("cu.extxyz", bulk("Cu", a=3.59))
    write("n2.extxyz", molecule("N2"))
    slab = fcc111("Cu", (1, 1, 3), vacuum=6, periodic=True)
    slab.info.clear()
    write("slab.extxyz", slab)
    yield lambda *args: CliRunner().invoke(main, [*map(str, args)])
    sys.modules.pop("calculators_here", None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("relax", "cu.extxyz"),
        ("eos", "cu.extxyz"),
        ("elastic", "cu.extxyz", "--relax-first"),
        ("phonon", "cu.extxyz", "--relax-first", "--supercell", "2", "2", "2", "--force"),
        ("md", "n2.extxyz", "--steps", 10),
        ("adsorb", "O", "--slab", "slab.extxyz", "--site", "top-Cu", "--steps", 3),
        ("vib", "n2.extxyz", "--relax-first", "--force"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_each_workflow_takes_one(run, tmp_path, arguments):
    result = run(*arguments, "--calculator", "emt", "--output", "out", "--quiet")
    assert result.exit_code in (0, 2), result.output
    assert json.loads((tmp_path / "out" / "run.json").read_text())["model"]["calculator"] == "EMT"


def test_a_function_of_a_module_in_the_working_directory(run, tmp_path):
    write("ar.extxyz", bulk("Ar", a=5.2))
    before = list(sys.path)
    result = run("eos", "ar.extxyz", "--calculator", "calculators_here:argon", "--output", "out")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "result.json").read_text())["model"]["calculator"] == "LennardJones"
    assert sys.path == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--calculator", "emt", "--model", "metals-pbe"], "--model is about models: leave it out"),
        (["--calculator", "emt", "--device", "cpu"], "--device is about models"),
        (["--calculator", "emt", "--dtype", "float32"], "--dtype is about models"),
        (["--calculator", "nonsense"], "there is no calculator 'nonsense'"),
        (["--calculator", "nowhere:make"], "cannot import nowhere"),
        (["--calculator", "calculators_here:unlicensed"], "cannot make its calculator: ValueError: no licence"),
        (["--calculator", "calculators_here:other"], "made a int, which is no ASE calculator"),
        (["--calculator", "calculators_here:Failing"], "the calculator Failing failed: RuntimeError: out of patience"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, arguments, message):
    result = run("relax", "cu.extxyz", "--output", "out", *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert message in result.stderr and "unexpected" not in result.stderr
    assert not (tmp_path / "out").exists()
