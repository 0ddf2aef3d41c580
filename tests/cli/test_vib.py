"""``equical vib`` as its users meet it."""

import json

import pytest
from ase.build import add_adsorbate, fcc111, molecule
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import write
from click.testing import CliRunner

from equical.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical vib`` in a folder with structures, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("n2.xyz", molecule("N2"))
    write("co2.xyz", molecule("CO2"))
    slab = fcc111("Cu", (1, 1, 2), a=3.6, vacuum=7.0)
    add_adsorbate(slab, "O", 1.2, "fcc")
    slab.info.clear()
    slab.set_constraint(FixAtoms([0, 1]))
    write("slab.extxyz", slab)
    return lambda *args: CliRunner().invoke(main, ["vib", *map(str, args)])


def test_a_molecule(run, tmp_path):
    result = run("n2.xyz", "--relax-first")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("N2: linear, D∞h; 12 displacements\nmode    cm⁻¹     meV  moves\n   1  1231.")
    assert "at 298.15 K and 1 bar: ideal gas, symmetry number 2, spin 0\n" in result.stdout
    assert result.stdout.endswith("results in vib-n2\n") and result.stderr == ""
    again = run("n2.xyz", "--relax-first", "--resume", "--quiet", "--temperature", 500)
    assert (again.exit_code, again.output) == (0, "")
    written = json.loads((tmp_path / "vib-n2" / "result.json").read_text())
    assert written["num_reused"] == 14 and written["thermochemistry"]["temperature"] == 500


def test_an_adsorbate_with_a_cutoff(run):
    result = run("slab.extxyz", "--relax-first", "--low-frequency-cutoff", 5000)
    assert result.exit_code == 0, result.stderr
    assert "1 atom displaced; 6 displacements" in result.stdout
    assert "at 298.15 K: harmonic oscillators, 3 frequencies raised to 5000 cm⁻¹\n" in result.stdout
    named = run("slab.extxyz", "--indices", "-1:", "--relax-first", "--output", "named")
    assert named.exit_code == 0 and named.stdout.count("O2 1.00") == 3


def test_imaginary_modes_are_one_line_and_forces_an_exit_code(run):
    result = run("co2.xyz", "--relax-first")
    assert result.exit_code == 0
    assert result.stderr.startswith("equical: warning: 2 imaginary modes: mode 1 at -62.")
    assert result.stderr.count("\n") == 1
    assert run("co2.xyz", "--force", "--output", "forced").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["n2.xyz"], "relax it first"),
        (["none.xyz"], "no such file"),
        (["n2.xyz", "--indices", "0,x"], "'x' is neither a number nor a slice such as 4:8"),
        (["n2.xyz", "--indices", "5:"], "'5:' selects none of 2 atoms"),
        (["n2.xyz", "--indices", "7"], "there is no atom 7"),
        (["slab.extxyz", "--statistics", "ideal-gas"], "2 of its atoms stay in place"),
        (["n2.xyz", "--spin", 0.2], "half a whole number"),
        (["n2.xyz", "--temperature", -3], "temperature must be a positive number"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message, tmp_path):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("equical: error: ") and result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not any(path.is_dir() for path in tmp_path.iterdir())
