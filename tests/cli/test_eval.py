"""``equical eval`` as its users meet it."""

import json

import pytest
from click.testing import CliRunner

from equical.cli import main
from tests.training.labelled import write_copper


def run(*args):
    return CliRunner().invoke(main, ["eval", *map(str, args)])


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_copper(tmp_path, 6)


@pytest.mark.drawn
def test_errors_are_printed_and_written(path, tmp_path, tiny_model):
    done = run(path, "--model", tiny_model, "--group-key", "run")
    assert done.exit_code == 0, done.output
    assert "6 structures, 24 atoms" in done.output
    assert "meV/atom" in done.output
    assert "cosine between forces" in done.output
    assert "run1: E RMSE" in done.output
    assert "on Cu: F MAE" in done.output
    result = json.loads((tmp_path / "eval-copper" / "result.json").read_text())
    assert result["errors"]["forces_mae_meV_per_A"] > 0
    assert result["model"]["name"] == "tiny"
    assert result["by_group"].keys() == {"run0", "run1", "run2"}
    assert (tmp_path / "eval-copper" / "parity.png").stat().st_size > 1000


def test_a_shift_of_the_zero_is_reported(path, tiny_model):
    done = run(path, "--model", tiny_model, "--shift-references", "--output", "out")
    assert "shift of reference energies (eV): Ni" in done.output
    with open("out/result.json", encoding="utf-8") as file:
        assert json.load(file)["reference_shift_eV"].keys() == {"Ni", "Cu"}


def test_keys_and_mistakes(path, tiny_model):
    done = run(path, "--model", tiny_model, "--energy-key", "Energy")
    assert done.exit_code == 1
    assert "no `Energy`; set energy_key to one of" in done.output
    assert run("missing.xyz", "--model", tiny_model).output == "equical: error: no such file: missing.xyz\n"
    assert run(path, "--model", "no-such-model").exit_code == 1


def test_data_without_forces(path, tiny_model):
    done = run(path, "--model", tiny_model, "--forces-key", "none", "--stress-key", "none")
    assert done.exit_code == 0
    assert "meV/Å" not in done.output
