"""``equical adsorb``: what it prints, what it writes, and how it refuses."""

import json
from pathlib import Path

import pytest
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.io import write
from click.testing import CliRunner

from equical.cli import main
from equical.workflows.adsorption import files


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run ``equical adsorb`` with EMT in an empty folder, without pictures."""
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
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


def test_random_placements(run, tmp_path):
    options = ("O", *PLATINUM, "--keep-bulk", "--site", "fcc", "--configurations", "4", "--output", "out")
    outcome = run(*options, "--seed", "3")
    assert "placements  1 on sites; 4 at random" in outcome.stdout
    stored = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (stored["settings"]["configurations"], stored["settings"]["seed"]) == (4, 3)
    assert sum(c["random"] for c in stored["configurations"]) == 4
    assert [c["tilt"] for c in stored["configurations"] if c["random"]] == [None] * 4


def test_at_a_temperature(run):
    outcome = run("N", *PLATINUM, "--keep-bulk", "--site", "fcc", "--azimuth", "0", "--thermo", "300", "2")
    assert outcome.exit_code == 0
    assert "fcc-Pt3 at 300 K, each gas at 2 bar:" in outcome.stdout
    assert "Gibbs energy G" in outcome.stdout


def test_several_adsorbates(run, tmp_path):
    outcome = run("O", "N", *PLATINUM, "--keep-bulk", "--site", "fcc", "--azimuth", "0")
    assert outcome.exit_code == 0, outcome.output
    rows = [line.split() for line in outcome.stdout.splitlines() if "fcc-Pt3" in line]
    assert [(row[0], row[2], *row[4:]) for row in rows] == [
        ("O", "fcc-Pt3", "H2O", "−", "H2"),
        ("N", "fcc-Pt3", "½", "N2"),
    ]
    folder = tmp_path / "adsorb-O-N-Pt111"
    stored = json.loads((folder / "O" / "result.json").read_text())
    assert f"{stored['configurations'][0]['adsorption_energy']:.3f}" == rows[0][3]
    assert outcome.stdout.endswith("results in adsorb-O-N-Pt111\n")


def test_a_series_of_coverages(run, tmp_path):
    crystal = ("--bulk", "Pt", "--keep-bulk", "--layers", "2", "--site", "fcc", "--reference", "1/2 O2")
    outcome = run("O", *crystal, "--coverage", "0.5", "--coverage", "1", "--output", "out")
    rows = [line.split() for line in outcome.stdout.splitlines() if line.startswith("O-")]
    assert [row[:3] for row in rows] == [["O-0.5", "0.500", "fcc-Pt3"], ["O-1", "1.000", "fcc-Pt3"]]
    assert all(row[-2:] == ["½", "O2"] for row in rows)
    assert json.loads((tmp_path / "out" / "O-1" / "result.json").read_text())["slab"]["formula"] == "Pt2"


def test_alloys_by_formula(run, tmp_path):
    outcome = run(
        "O", "--bulk", "CuAu", "--miller", "0", "0", "1", "--size", "2x2", "--site", "hollow", "--output", "out"
    )
    assert outcome.exit_code == 0, outcome.output
    assert "warning: CuAu is taken for L1_0; another structure with --prototype, or from a file" in outcome.stderr
    assert "this slab has termination 0, choose with --termination" in outcome.stderr
    a, b, c, *_ = json.loads((tmp_path / "out" / "result.json").read_text())["slab"]["bulk"]["lattice_parameters"]
    assert a == pytest.approx(b)
    assert (a, c) == pytest.approx((3.953, 3.581), abs=2e-3)  # of EMT, which starts at a cube of 3.86


def test_a_given_prototype_is_no_guess(run):
    outcome = run("O", "--bulk", "Pt3Ni", "--prototype", "l12", "--size", "1x1", "--layers", "4", "--site", "fcc-Pt3")
    assert "bulk        relaxed" in outcome.stdout
    assert "is taken for" not in outcome.stderr


def test_four_miller_indices(run):
    options = ("--prototype", "hcp", "--size", "2x1", "--layers", "4", "--site", "top", "--steps", "2", "--output")
    run("O", "--bulk", "Cu", "--miller", "1", "0", "-1", "0", *options, "four")
    run("O", "--bulk", "Cu", "--miller", "1", "0", "0", *options, "three")
    assert Path("four/slab.extxyz").read_text() == Path("three/slab.extxyz").read_text()


def test_half_a_layer_on_top_of_a_given_slab_is_said(run):
    slab = fcc111("Pt", (2, 2, 4), vacuum=8)[:-3]
    slab.info.clear()
    write("half.extxyz", slab)
    outcome = run("O", "--slab", "half.extxyz", "--site", "top", "--steps", "1")
    assert "warning: the top layer of the slab Pt13 has 1 of the 4 atoms that a layer below has" in outcome.stderr


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
        (("O", "--bulk", "Pt2O3"), "no prototype has the formula Pt2O3: give its structure as a file with --bulk"),
        (("O", "--bulk", "PtPd"), "does not tell its structure: say --prototype l10 or --prototype b2"),
        (("O", "--bulk", "bulk.cif", "--prototype", "fcc"), "--prototype goes with a formula"),
        (("O", "--slab", "bulk.cif", "--prototype", "fcc"), "--prototype goes with --bulk"),
        (("O", "--bulk", "Pt3Ni", "--keep-bulk"), "the lattice constant of Pt3Ni is only an estimate"),
        (("O", *PLATINUM, "--miller", "1", "1", "0", "0"), "the first three must add up to 0, not 1 1 0"),
        (("O", *PLATINUM, "--site", "hex"), "no site 'hex' on this surface; it has top-Pt"),
        (("O", *PLATINUM, "--reference", "O2"), "the reference O2 makes O2, but the adsorbate is O"),
        (("O", "H", "O", *PLATINUM), "O is among the adsorbates 2 times"),
        (("O", *PLATINUM, "--coverage", "1"), "a coverage decides on the size of the surface cell: leave out --size"),
        (("O", "--bulk", "Pt", "--coverage", "0.7"), "a coverage of 0.7 is not one adsorbate on a whole number"),
        (("O", "H", *PLATINUM, "--reference", "1/2 O2"), "--reference is for one adsorbate"),
        (("O", *PLATINUM, "--thermo", "300", "0"), "thermo takes a temperature in K and a pressure in bar"),
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
