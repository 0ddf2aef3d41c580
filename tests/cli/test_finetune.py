"""``equical finetune`` as its users meet it."""

import json
import shutil
from pathlib import Path

import pytest
from ase.io import read, write
from click.testing import CliRunner

from equical import EquiCalc, convert, load_checkpoint
from equical.cli import main
from tests.published import write_checkpoint
from tests.training.labelled import copper, write_copper

BRIEF = ["--max-epochs", "1", "--threads", "1", "--device", "cpu"]


def run(*args):
    return CliRunner().invoke(main, ["finetune", *map(str, args)])


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, tiny_model):
    """A file with labels near the model's own, so that the model is worth starting from."""
    path = write_copper(tmp_path_factory.mktemp("data"), 12)
    calculator = EquiCalc(tiny_model)
    images = read(path, ":")
    for atoms in images:
        for name in ("energy", "forces", "stress"):
            atoms.calc.results[name] = 1.01 * calculator.get_property(name, atoms)
    write(path, images)
    return path


@pytest.fixture
def path(tmp_path, monkeypatch, labelled):
    """The same, yours to change, in a folder where nothing else is."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(labelled, tmp_path))


def test_the_guard_rails_speak_before_the_first_step(path, tmp_path, tiny_model):
    done = run("--model", tiny_model, "--data", path, "--group-key", "run", "--output", "out", *BRIEF)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("12 frames of 4–4 atoms in 6 groups; Ni, Cu; energies in all")
    order = [
        "shift of reference energies",
        "starting model on these data",
        "step      0  validation loss",
        "step     10",
    ]
    places = [next(i for i, line in enumerate(lines) if text in line) for text in order]
    assert places == sorted(places)
    assert "2·noise" in done.output
    model = load_checkpoint(tmp_path / "out" / "model")
    assert 29 in model.potential.elements
    assert 1 in model.potential.elements  # nothing that the model knew is forgotten by name
    config = model.metadata["training"]["config"]
    assert config["training"]["denoising"]["probability"] == 0.25
    EquiCalc(tmp_path / "out" / "model").get_property("energy", copper(1)[0])


def test_options_reach_the_configuration(path, tmp_path, tiny_model):
    valid = write_copper(tmp_path, 4, "valid.extxyz", seed=8)
    replay = write_copper(tmp_path, 4, "replay.extxyz", seed=9)
    options = ["--valid", valid, "--replay", replay, "--replay-weight", "0.5", "--no-denoising", "--seed", "4"]
    options += ["--learning-rate", "1e-4", "--backbone-rate", "0.1", "--freeze", "blocks.0", "--forces", "direct"]
    done = run("--model", tiny_model, "--data", path, "--output", "out", *options, *BRIEF, "--skip-check", "--quiet")
    assert done.exit_code == 0, done.output
    assert done.output == ""
    training = load_checkpoint(tmp_path / "out" / "model").metadata["training"]
    config = training["config"]
    assert config["seed"] == 4
    assert [data["references"] for data in config["data"]] == ["shared", "base"]
    assert config["data"][1]["weight"] == 0.5
    optimizer = config["training"]["optimizer"]
    assert (optimizer["learning_rate"], optimizer["backbone_rate"], optimizer["freeze"]) == (1e-4, 0.1, ["blocks.0"])
    assert config["training"]["denoising"]["probability"] == 0
    assert config["training"]["model"] == {"forces": "direct"}
    counts = {entry["name"]: entry["training_structures"] for entry in training["data"]}
    assert counts == {"data": 12, "replay": 4, "valid": 0}
    assert json.loads((tmp_path / "out" / "result.json").read_text())["converged"]


def test_data_that_would_spoil_the_training_stop_it(path, tmp_path, tiny_model):
    images = read(path, ":")
    for atoms in images:
        atoms.calc.results["forces"] = -atoms.calc.results["forces"]
    write(path, images)
    done = run("--model", tiny_model, "--data", path, "--output", "out", *BRIEF)
    assert done.exit_code == 1
    assert "the data are not fit for training: forces have the wrong sign" in done.output
    assert "--skip-check" in done.output
    assert not (tmp_path / "out").exists()


def test_validation_frames_that_were_trained_on_stop_it(path, tmp_path, tiny_model):
    done = run("--model", tiny_model, "--data", path, "--valid", path, "--output", "out", *BRIEF)
    assert done.exit_code == 1
    assert "12 of 12 validation frames are also training frames. Remove the copies" in done.output
    assert not (tmp_path / "out").exists()
    done = run("--model", tiny_model, "--data", path, "--valid", path, "--output", "out", *BRIEF, "--skip-check")
    assert done.exit_code == 0, done.output


def test_the_starting_model_is_kept_where_training_only_makes_it_worse(path, tmp_path, tiny_model):
    options = ["--learning-rate", "10", "--batch-atoms", "256", "--no-denoising", "--group-key", "run"]
    done = run("--model", tiny_model, "--data", path, "--output", "out", *options, *BRIEF)
    assert done.exit_code == 0, done.output
    assert "best model (step 0)" in done.output
    assert "no step was better than the starting model, which is what was kept" in done.output
    kept, before = (load_checkpoint(folder).potential.network for folder in (tmp_path / "out" / "model", tiny_model))
    for a, b in zip(kept.parameters(), before.parameters(), strict=True):
        assert (a == b).all()


def test_keys_are_those_of_the_data(path, tmp_path, tiny_model):
    path.write_text(path.read_text().replace("energy=", "E_dft=").replace(":forces:", ":f_dft:"))
    done = run("--model", tiny_model, "--data", path, *BRIEF)
    assert done.exit_code == 1
    assert "set energy_key to one of: E_dft" in done.output
    keys = ["--energy-key", "E_dft", "--forces-key", "f_dft", "--stress-key", "none"]
    done = run("--model", tiny_model, "--data", path, *keys, *BRIEF)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "finetune-copper" / "model").is_dir()


def test_new_elements_are_refused(path, tiny_model):
    images = read(path, ":")
    for atoms in images:
        atoms.symbols[0] = "Au"
    write(path, images)
    done = run("--model", tiny_model, "--data", path, *BRIEF)
    assert done.exit_code == 1
    assert "hold Au, which" in done.output
    assert "--new-elements" in done.output
    done = run("--model", tiny_model, "--data", path, "--new-elements", *BRIEF, "--overwrite")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["v2_oc20", "v3_grad", "v3_dens"])
def test_converted_published_models_can_be_adapted(name, path, tmp_path):
    convert(write_checkpoint(tmp_path / "published.pt", name), "base", elements=["Ni", "Cu"])
    write(path, read(path, ":6"))
    options = ["--group-key", "run", "--backbone-rate", "0.1", "--skip-check"]  # random weights are no witness
    if name == "v2_oc20":  # a model of adsorption energies
        done = run("--model", "base", "--data", path, "--output", "out", *options, *BRIEF)
        assert done.exit_code == 1 and "--energy-kind" in done.output
        options += ["--overwrite", "--energy-kind", "total"]
    done = run("--model", "base", "--data", path, "--output", "out", *options, *BRIEF)
    assert done.exit_code == 0, done.output
    assert "step      0  validation loss" in done.output
    assert ("the model predicts no stress" in done.output) == (name == "v2_oc20")
    before, after = (load_checkpoint(folder).potential for folder in ("base", "out/model"))
    assert (before.energy_kind == "adsorption") == (name == "v2_oc20")
    assert after.energy_kind == "total"
    assert after.config.conservative == before.config.conservative
    EquiCalc(tmp_path / "out" / "model").get_property("forces", copper(1)[0])


def test_one_structure_will_do_with_validation_data_of_its_own(path, tmp_path, tiny_model):
    images = read(path, ":")
    write(tmp_path / "one.extxyz", images[0])
    write(tmp_path / "others.extxyz", images[1:4])
    done = run("--model", tiny_model, "--data", "one.extxyz", "--valid", "others.extxyz", "--output", "out", *BRIEF)
    assert done.exit_code == 0, done.output


def test_share_and_blocks_of_the_split_are_options(path, tmp_path, tiny_model):
    options = ["--fraction", "0.5", "--block", "1", "--output", "out", *BRIEF]
    assert run("--model", tiny_model, "--data", path, *options).exit_code == 0
    split = json.loads((tmp_path / "out" / "split.json").read_text())
    assert len(split["training"]) == len(split["validation"]) == 6


def test_the_same_file_twice_is_one_line(path, tiny_model):
    done = run("--model", tiny_model, "--data", path, "--data", path, "--output", "out", *BRIEF)
    assert done.exit_code == 1
    assert "is listed more than once" in done.output.splitlines()[-1]
    assert "pydantic" not in done.output


def test_second_generation_models_have_direct_forces_alone(path, tmp_path):
    model = tmp_path / "v2"
    convert(write_checkpoint(tmp_path / "published.pt", "v2_oc20"), model)
    done = run("--model", model, "--data", path, "--forces", "gradient", "--skip-check", "--output", "out", *BRIEF)
    assert done.exit_code == 1
    assert "an EquiformerV2 model has no forces (its forces come from a head" in done.output
    assert not (tmp_path / "out").exists()
