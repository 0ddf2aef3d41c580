"""``equical train`` as its users meet it."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner

from equical import load_checkpoint
from equical.cli import main
from tests.training.labelled import values, write_copper


def run(*args):
    return CliRunner().invoke(main, ["train", *map(str, args)])


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A YAML file in an empty folder, where the command is run."""
    monkeypatch.chdir(tmp_path)
    settings = values(write_copper(tmp_path, 12))
    settings["data"][0]["paths"] = "copper.extxyz"
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings))
    write_broken(tmp_path)
    return tmp_path / "small.yaml"


def write_broken(folder):
    """A single structure; the same with an energy that is no number; and with two components of each force."""
    text = write_copper(folder, 1, "single.extxyz").read_text()
    (folder / "nan.extxyz").write_text(re.sub(r"energy=\S+", "energy=nan", text))
    (folder / "pairs.extxyz").write_text(text.replace("forces:R:3", "forces:R:2:third:R:1"))


@pytest.mark.drawn
def test_everything_lands_in_one_folder(config, tmp_path):
    done = run(config)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "train-small"
    assert {path.name for path in folder.iterdir()} == {
        "checkpoints", "learning_curve.png", "model", "model_last", "parity.png", "result.json", "split.json",
        "training.csv", "validation.csv",
    }  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    assert result["converged"] is True
    assert result["steps"] == 6
    assert result["validation"]["forces_mae_meV_per_A"] > 0
    assert result["by_element"].keys() == {"Ni", "Cu"}
    assert result["versions"].keys() >= {"equical", "torch"}
    assert result["units"].keys() >= result["validation"].keys()
    assert result["model"]["sha256"] == load_checkpoint(folder / "model").sha256
    split = json.loads((folder / "split.json").read_text())
    assert len(split["training"]) + len(split["validation"]) == 12
    assert {frame["group"] for frame in split["training"]}.isdisjoint(frame["group"] for frame in split["validation"])
    assert "reference energies (eV): Ni" in done.output
    assert "best model (step" in done.output


def test_quiet_says_nothing(config):
    assert run(config, "--quiet", "--output", "out").output == ""


def test_results_are_not_overwritten_silently(config, tmp_path):
    run(config, "--quiet")
    done = run(config)
    assert done.exit_code == 1
    assert "train-small is not empty" in done.output
    assert run(config, "--overwrite", "--quiet").exit_code == 0
    assert run(config, "--resume", "--quiet").exit_code == 0


def test_overwriting_leaves_nothing_of_the_run_before(config, tmp_path):
    run(config, "--quiet")
    folder = tmp_path / "train-small"
    before = (folder / "model" / "model.safetensors").read_bytes()
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"data": [{"paths": "nan.extxyz"}]}))
    assert run(config, "--overwrite", "--quiet").exit_code == 1  # bad data cost no trained model
    assert (folder / "model" / "model.safetensors").read_bytes() == before
    (folder / "notes.txt").write_text("mine")
    (folder / "checkpoints" / "old.pt").write_text("")
    config.write_text(yaml.safe_dump(settings | {"training": settings["training"] | {"limits": {"max_steps": 2}}}))
    assert run(config, "--overwrite", "--quiet").exit_code == 0
    assert (folder / "notes.txt").exists() and not (folder / "checkpoints" / "old.pt").exists()


def test_a_refused_resumption_keeps_the_split(config, tmp_path):
    run(config, "--quiet")
    before = (tmp_path / "train-small" / "split.json").read_bytes()
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"validation": {"fraction": 0.4}}))
    done = run(config, "--resume")
    assert done.exit_code == 1 and "validation.fraction" in done.output
    assert (tmp_path / "train-small" / "split.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"data": [{"paths": "missing.xyz"}]}, "no such file"),
        (
            {"data": [{"paths": "copper.extxyz", "energy_key": "dft"}]},
            "extxyz, frame 0: no `dft`; set energy_key to",
        ),
        ({"trainig": {}}, "small.yaml: unknown key `trainig`; did you mean `training`?"),
        ({"model": None, "start_from": "no-such-model"}, "no-such-model"),
        ({"device": "abacus"}, "There is no device 'abacus'"),
        ({"data": [{"paths": "single.extxyz"}]}, "is one group of 1 frame(s) and cannot be split; give validation"),
        ({"data": [{"paths": "nan.extxyz"}]}, "nan.extxyz, frame 0: `energy` holds values that are not finite"),
        ({"data": [{"paths": "pairs.extxyz"}]}, "frame 0: forces have the shape (4, 2); 4 atoms need (4, 3)"),
    ],
)
def test_each_mistake_is_one_line_and_leaves_nothing_behind(config, tmp_path, change, complaint):
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | change))
    done = run(config)
    assert done.exit_code == 1
    assert complaint in done.output
    assert done.output.strip().splitlines()[-1].startswith("equical: error: ")
    assert "Traceback" not in done.output
    assert not (tmp_path / "train-small").exists()


def test_the_output_can_be_named_in_the_yaml(config, tmp_path):
    settings = yaml.safe_load(config.read_text())
    settings["output"]["directory"] = "runs/one"
    config.write_text(yaml.safe_dump(settings))
    assert run(config, "--quiet").exit_code == 0
    assert (tmp_path / "runs" / "one" / "model").is_dir()
