"""``equical adsorb``: what it prints, what it writes, and how it refuses."""

import json

import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import adsorb as command
from equical.cli import main
from equical.workflows.adsorption import files


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run ``equical adsorb`` with EMT in an empty folder, without pictures."""
    monkeypatch.setattr(command, "make_calculator", lambda model, device, dtype: EMT())
    monkeypatch.chdir(tmp_path)
    for name in ("plot_sites", "plot_energies", "plot_structure"):
        monkeypatch.setattr(files, name, lambda result, path: None)
    return lambda *args: CliRunner().invoke(main, ["adsorb", *args])


PLATINUM = ("--bulk", "Pt", "--layers", "3", "--size", "2x2")


def test_slab_cut_from_a_crystal(run, tmp_path):
    outcome = run("O", *PLATINUM, "--miller", "1", "1", "1")
    assert outcome.exit_code == 0, outcome.output
    assert "Pt12, 3 layers, 4 atoms frozen, one O per 4 surface atoms" in outcome.output
    assert "E_ads = E(slab + O) − E(slab) − [E(H2O) − E(H2)]" in outcome.output
    rows = [line.split() for line in outcome.output.splitlines() if "-Pt" in line and line.split()[0].isdigit()]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert {row[1] for row in rows} == {"top-Pt", "bridge-Pt2", "fcc-Pt3", "hcp-Pt3"}
    data = json.loads((tmp_path / "adsorb-O-Pt111" / "result.json").read_text())
    assert data["converged"]
    assert data["slab"]["bulk"]["lattice_parameters"][0] == pytest.approx(3.92, abs=0.01)


def test_slab_and_molecule_from_files(run, tmp_path):
    slab = fcc111("Pt", (2, 2, 3), vacuum=8)
    slab.info.clear()
    write(tmp_path / "slab.extxyz", slab)
    write(tmp_path / "gas.xyz", molecule("CO"))
    options = ("--slab", "slab.extxyz", "--binding-atom", "1", "--site", "top", "--output", "here", "--quiet")
    outcome = run("gas.xyz", *options)
    assert (outcome.exit_code, outcome.output) == (0, "")
    data = json.loads((tmp_path / "here" / "result.json").read_text())
    assert data["adsorbate"] == "gas"
    assert [c["name"] for c in data["configurations"]] == ["top-Pt"]
    assert [r["name"] for r in data["references"]] == ["gas"]


def test_not_converged_is_exit_code_2_with_a_warning(run):
    outcome = run("O", *PLATINUM, "--keep-bulk", "--site", "fcc", "--steps", "1", "--reference", "1/2 O2")
    assert outcome.exit_code == 2
    assert "not converged" in outcome.output
    assert "½ E(O2)" in outcome.output
    assert "warning: the bare slab or its bulk did not converge" in outcome.stderr


def test_orientations_and_resume(run):
    options = ("CO", *PLATINUM, "--site", "fcc", "--tilt", "0", "--tilt", "30", "--azimuth", "0", "--azimuth", "60")
    first = run(*options)
    assert {line.split()[1] for line in first.stdout.splitlines() if "fcc-Pt3_" in line} == {
        "fcc-Pt3_tilt0",
        "fcc-Pt3_tilt30_az0",
        "fcc-Pt3_tilt30_az60",
    }
    assert "is not empty" in run(*options).stderr
    assert run(*options, "--resume").stdout == first.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("XY", *PLATINUM), "unknown adsorbate 'XY': give one of H, C, N, O"),
        (("O",), "give either a slab with --slab FILE, or a crystal"),
        (("O", "--slab", "a.cif", "--bulk", "Pt"), "give either a slab"),
        (("O", "--slab", "a.cif"), "no such file: a.cif"),
        (("O", "--slab", "a.cif", "--layers", "3", "--keep-bulk"), "--layers, --keep-bulk goes with --bulk"),
        (("O", "--bulk", "Pt", "--size", "3"), "'3' is no size such as 3x3"),
        (("O", "--bulk", "Fe"), "No EMT-potential for Fe"),
        (("O", *PLATINUM, "--site", "hex"), "no site 'hex' on this surface; it has top-Pt"),
        (("O", *PLATINUM, "--reference", "O2"), "the reference O2 makes O2, but the adsorbate is O"),
        (("O", *PLATINUM, "--freeze", "3"), "cannot freeze 3 layers of a slab that has 3"),
        (
            ("molecule.xyz", *PLATINUM),
            "which atom of molecule binds? Give its index with --binding-atom: 0 O, 1 H, 2 H",
        ),
        (("O", "--slab", "molecule.xyz"), "it looks like a molecule"),
        (("O", "--slab", "bulk.cif"), "has no vacuum along its third lattice vector"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(run, tmp_path, arguments, message):
    write(tmp_path / "molecule.xyz", molecule("H2O"))
    write(tmp_path / "bulk.cif", bulk("Pt", cubic=True))
    outcome = run(*arguments)
    assert outcome.exit_code == 1
    assert message in outcome.stderr
    assert len(outcome.stderr.strip().splitlines()) == 1
