"""``equical.finetune``, as Python code meets it; what it says on a terminal is tested with the command."""

import json

import pytest
from ase.io import read, write

import equical
from equical import EquiCalc, InputError, load_checkpoint
from tests.training.labelled import write_copper

pytestmark = pytest.mark.filterwarnings("ignore:no step was better")  # than a model that fits as it is


@pytest.fixture
def path(tmp_path, tiny_model):
    """Labels near the model's own."""
    path = write_copper(tmp_path, 12)
    calculator = EquiCalc(tiny_model)
    images = read(path, ":")
    for atoms in images:
        for name in ("energy", "forces", "stress"):
            atoms.calc.results[name] = 1.01 * calculator.get_property(name, atoms)
    write(path, images)
    return path


def test_a_model_is_adapted(path, tmp_path, tiny_model):
    data = {"paths": path, "group_key": "run", "energy_key": "energy"}
    result = equical.finetune(tiny_model, data, max_epochs=1, seed=3, device="cpu", output=tmp_path / "out")
    assert result.converged and result.steps > 0
    config = load_checkpoint(result.model).metadata["training"]["config"]
    assert config["seed"] == 3
    assert config["data"][0]["group_key"] == "run"
    assert result.by_dataset.keys() == {"data"}


def test_what_is_doubtful_stands_in_the_result(path, tmp_path, tiny_model):
    """Errors in the data too, where one goes on in spite of them."""
    images = read(path, ":")
    for atoms in images:
        atoms.calc.results["forces"] = -atoms.calc.results["forces"]
    write(path, images)
    options = {"max_epochs": 1, "denoising": False, "device": "cpu", "output": tmp_path / "out"}
    with pytest.raises(InputError, match="not fit for training: forces have the wrong sign"):
        equical.finetune(tiny_model, path, **options)
    assert not (tmp_path / "out").exists()
    with pytest.warns(UserWarning, match="forces have the wrong sign"):
        result = equical.finetune(tiny_model, path, skip_check=True, **options)
    assert any("forces have the wrong sign" in warning for warning in result.warnings)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["warnings"] == list(result.warnings)


def test_earlier_results_stay_until_the_data_are_accepted(path, tmp_path, tiny_model):
    out = tmp_path / "out"
    options = {"max_epochs": 1, "denoising": False, "device": "cpu", "output": out}
    equical.finetune(tiny_model, {"paths": path, "group_key": "run"}, **options)
    kept = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with pytest.raises(InputError, match="12 of 12 validation frames are also training frames"):
        equical.finetune(tiny_model, path, valid=path, overwrite=True, **options)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == kept


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"paths": "a.xyz", "energy_kye": "E"}, "data: unknown key `energy_kye`; did you mean `energy_key`?"),
        ({"energy_key": "E"}, "data: paths: Field required"),
        ([read], "data are given as files: write structures first"),
    ],
)
def test_mistakes_in_the_data_are_named(tiny_model, tmp_path, data, complaint):
    with pytest.raises(InputError) as error:
        equical.finetune(tiny_model, data, output=tmp_path / "out")
    assert complaint in str(error.value)


def test_without_a_name_it_starts_from_the_most_general_model_and_says_what_would_help(path, tmp_path, shelf):
    options = {"fraction": 0.2, "max_epochs": 1, "denoising": False, "skip_check": True, "device": "cpu"}
    with pytest.warns(UserWarning):
        result = equical.finetune("auto", {"paths": path, "group_key": "run"}, output=tmp_path / "out", **options)
    training = load_checkpoint(result.model).metadata["training"]
    assert training["starting_model"]["name"] == "everything"
    settings = training["config"]
    assert settings["validation"]["best_by"] == "errors"
    assert settings["training"]["batch"]["max_atoms"] == 4  # one of ten frames at a time
    assert settings["training"]["schedule"]["warmup_steps"] == 5
    assert result.advice
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["advice"] == list(result.advice)
    assert written["baseline"] == result.baseline


def test_the_best_model_has_the_lowest_errors_not_the_lowest_loss(path, tmp_path, tiny_model, monkeypatch):
    """Whatever the weights of the loss say."""
    scores = iter([1.0, 0.7, 0.9, 0.8])
    monkeypatch.setattr("equical.training.loop.trainer.relative_error", lambda errors, baseline: next(scores))
    options = {"max_epochs": 3, "denoising": False, "device": "cpu", "output": tmp_path / "out"}
    result = equical.finetune(tiny_model, {"paths": path, "group_key": "run"}, **options)
    assert result.best_step == result.steps / 3
