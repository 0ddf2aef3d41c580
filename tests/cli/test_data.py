"""``equical data check`` as its users meet it."""

import json

import pytest
from ase.io import read, write
from click.testing import CliRunner

from equical.cli import main
from tests.training.labelled import write_copper


def run(*args):
    return CliRunner().invoke(main, ["data", "check", *map(str, args)])


@pytest.fixture
def path(tmp_path):
    return write_copper(tmp_path, 12)


def test_sound_data(path):
    done = run(path, "--group-key", "run")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "12 frames of 4–4 atoms in 6 groups; Ni, Cu; energies in all, forces in 12, stress in 12",
        "nothing to complain about",
    ]


def test_errors_are_told_with_advice_and_an_exit_code(path, tmp_path):
    images = read(path, ":")
    for atoms in images:
        atoms.calc.results["stress"] = 160.2 * atoms.calc.results["stress"]
    write(path, images)
    done = run(path, "--output", tmp_path / "findings.json")
    assert done.exit_code == 2
    assert "error: the typical stress is" in done.output
    assert "divide by 160.22 if it is in GPa" in done.output
    findings = json.loads((tmp_path / "findings.json").read_text())["findings"]
    assert [finding["check"] for finding in findings] == ["stress unit"]


def test_a_wrong_key_is_answered_with_the_right_one(path):
    path.write_text(path.read_text().replace("energy=", "Energy="))
    done = run(path)
    assert done.exit_code == 2
    assert "no usable frame" in done.output
    assert "set energy_key to one of: Energy" in done.output
    assert run(path, "--energy-key", "Energy", "--group-key", "run").exit_code == 0


def test_a_model_is_a_witness(path, tiny_model):
    from equical import EquiCalc

    images = read(path, ":")
    for atoms in images:
        atoms.calc.results["forces"] = -EquiCalc(tiny_model).get_property("forces", atoms)
    write(path, images)
    assert "the wrong sign" not in run(path).output
    done = run(path, "--model", tiny_model)
    assert done.exit_code == 2
    assert "forces have the wrong sign, by the model's forces" in done.output


def test_frames_that_the_model_does_not_cover_are_passed_over(path, tiny_model):
    images = read(path, ":")
    for atoms in images[:3]:
        atoms.symbols[0] = "Ag"
    write(path, images)
    done = run(path, "--model", tiny_model, "--group-key", "run")
    assert "note: 3 of 12 frames hold Ag, which" in done.output
    for atoms in images:
        atoms.symbols[0] = "Ag"
    write(path, images)
    assert "note: 12 of 12 frames hold Ag, which" in run(path, "--model", tiny_model).output


def test_validation_data_are_compared(path):
    done = run(path, "--valid", path)
    assert done.exit_code == 2
    assert "12 of 12 validation frames are also training frames" in done.output


def test_findings_replace_findings_alone(path, tmp_path):
    before = path.read_bytes()
    refused = run(path, "--output", path)
    assert refused.exit_code == 1
    assert "exists and holds no findings" in refused.output
    assert path.read_bytes() == before
    for _ in range(2):
        assert run(path, "--output", tmp_path / "findings.json").exit_code == 0


def test_labels_in_a_file_of_any_name_and_species(path, tmp_path):
    (tmp_path / "data.txt").write_text(path.read_text().replace("\nCu ", "\nA ").replace("\nNi ", "\nB "))
    assert "state the format with --format" in run(tmp_path / "data.txt").output
    done = run(tmp_path / "data.txt", "--format", "extxyz", "--species", "A=Cu,B=Ni", "--group-key", "run")
    assert done.exit_code == 0
    assert "Ni, Cu; energies in all" in done.output


def test_a_missing_file(tmp_path):
    done = run(tmp_path / "missing.xyz")
    assert done.exit_code == 1
    assert "no such file" in done.output
