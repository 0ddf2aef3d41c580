"""``equical.train``, as Python code meets it."""

import json
import random
import shutil
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
import yaml

import equical
from equical import EquiCalc, InputError, TrainResult
from equical.training import files
from equical.training.config import load_config
from tests.training.labelled import copper, values, write_copper


@pytest.fixture(scope="module", autouse=True)
def quick_plots():
    """Plots take longer than six steps, and are tested with the command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "plot_learning_curve", lambda folder: (folder / "learning_curve.png").touch())
        patch.setattr(files, "plot_parity", lambda comparison, path: path.touch())
        yield


@pytest.fixture
def config(tmp_path):
    """As nested dictionaries."""
    return values(write_copper(tmp_path, 12))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Configuration, folder and result of a run that nobody changes."""
    folder = tmp_path_factory.mktemp("trained")
    config = values(write_copper(folder, 12))
    return config, folder / "run", equical.train(config, output=folder / "run")


def test_the_result_says_what_came_out(trained):
    _, folder, result = trained
    assert isinstance(result, TrainResult)
    assert result.converged and result.output == folder and result.warnings == ()
    assert result.steps == 6
    assert result.by_dataset["copper"] == result.validation
    assert result.model == folder / "model"
    EquiCalc(result.model).get_property("energy", copper(1)[0])
    written = json.loads((folder / "result.json").read_text())
    assert written["validation"] == result.validation
    assert written.keys() >= result.to_json().keys() | {"model", "versions"}
    assert written["units"].keys() >= result.validation.keys() | {"minutes", "wall_time_s"}


@pytest.mark.parametrize("form", [str, dict, "checked"])
def test_configurations_come_in_any_form(config, tmp_path, form):
    config["output"]["directory"] = str(tmp_path / "named")
    config["training"]["limits"] = {"max_steps": 1}
    given = config
    if form is not dict:
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
        given = load_config(tmp_path / "small.yaml") if form == "checked" else str(tmp_path / "small.yaml")
    assert equical.train(given).output == tmp_path / "named"


def test_a_folder_must_be_given(config):
    with pytest.raises(InputError, match="give output"):
        equical.train(config)


def test_nothing_is_said_unless_wanted(config, tmp_path, capfd):
    config["training"]["limits"] = {"max_steps": 1}
    equical.train(config, output=tmp_path / "quiet")
    assert capfd.readouterr() == ("", "")
    equical.train(config, output=tmp_path / "loud", progress=True)
    assert "reference energies (eV): Ni" in capfd.readouterr().out


def test_the_process_is_left_as_it_was(config, tmp_path):
    def state():
        numpy = np.random.get_state()
        return [
            torch.get_rng_state().tolist(), numpy[1].tolist(), random.getstate(), torch.get_num_threads(),
            torch.get_default_dtype(), torch.is_grad_enabled(), signal.getsignal(signal.SIGINT), warnings.filters[:],
        ]  # fmt: skip

    before = state()
    config["threads"] = torch.get_num_threads() + 1
    config["stages"] = [{"limits": {"max_steps": 1}}, {"model": {"forces": "direct"}, "limits": {"max_steps": 1}}]
    equical.train(config, output=tmp_path / "run")
    assert state() == before


def test_without_validation_data_one_is_warned(config, tmp_path):
    config["validation"] = {"fraction": 0.0}
    with pytest.warns(UserWarning, match="no structures are held out"):
        result = equical.train(config, output=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["warnings"] == list(result.warnings) != []


def test_earlier_results_stay_until_data_and_model_are_accepted(trained, tmp_path):
    config, before, _ = trained
    folder = tmp_path / "run"
    shutil.copytree(before, folder)
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for wrong in (
        {"data": [{"paths": str(tmp_path / "missing.xyz")}]},
        {"training": {"optimizer": {"freeze": ["nothing"]}}},
        {"training": {"loss": {"energy": {"weight": 0}, "forces": {"weight": 0}, "stress": {"weight": 0}}}},
    ):
        with pytest.raises(InputError):
            equical.train(config | wrong, output=folder, overwrite=True)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == kept


def test_what_killed_runs_left_is_removed(trained, tmp_path):
    """Whole states and models, which nobody would ever find again."""
    config, before, _ = trained
    for options in ({"resume": True}, {"overwrite": True}):
        folder = tmp_path / str(*options)
        shutil.copytree(before, folder)
        (folder / "checkpoints" / ".last.4711.tmp.pt").write_bytes(b"x" * 1000)
        (folder / ".model.4711.new").mkdir()
        (folder / ".model.4711.new" / "model.safetensors").write_bytes(b"x" * 1000)
        (folder / ".parity.4711.tmp.png").write_bytes(b"x" * 1000)
        equical.train(config, output=folder, **options)
        assert sorted(path.name for path in folder.rglob("*")) == sorted(path.name for path in before.rglob("*"))


def test_a_run_killed_before_its_first_state_goes_on(config, tmp_path):
    """A job that is started again with ``resume`` whatever had happened."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "split.json").write_text("{}")
    assert equical.train(config, output=folder, resume=True).steps == 6
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(InputError, match=r"nothing to resume: .*run has training.csv but no checkpoints"):
        equical.train(config, output=folder, resume=True)


KILLED = """
import os, signal, sys
import equical

def hook(event, arguments):
    made = os.path.basename(str(arguments[0])) if arguments else ""
    if event in ("os.mkdir", "os.rename") and made.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
equical.train(sys.argv[1], output=sys.argv[2])
"""


@pytest.mark.parametrize("moment", [".model_last", ".result"])
def test_a_kill_at_a_bad_moment_costs_nothing(trained, tmp_path, moment):
    """While the last model or the summary is written."""
    config, straight, result = trained
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    folder = tmp_path / "run"
    process = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "small.yaml", folder, moment], check=False)
    assert process.returncode == -signal.SIGKILL
    resumed = equical.train(tmp_path / "small.yaml", output=folder, resume=True)
    assert resumed.validation == result.validation
    for name in ("model", "model_last"):
        weights = [path / name / "model.safetensors" for path in (folder, straight)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
    assert sorted(path.name for path in folder.rglob("*")) == sorted(path.name for path in straight.rglob("*"))
