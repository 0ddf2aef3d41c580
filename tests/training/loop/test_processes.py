"""Real processes: one that is killed and resumed, two that share the work."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml

from equical.training.loop.checkpointing import load_state
from equical.training.report.tables import read_table
from tests.training.labelled import values, write_copper

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
COMMAND = [sys.executable, "-m", "equical", "train"]


@pytest.fixture(scope="module", params=[0.5, 0.1], ids=["often denoised", "seldom denoised"])
def config(request, tmp_path_factory):
    """A YAML file; checkpoints after every step. Seldom means that most batches have nothing to denoise."""
    folder = tmp_path_factory.mktemp("data")
    settings = values(
        write_copper(folder, 16),
        training={
            "limits": {"max_steps": 24},
            "batch": {"max_atoms": 16},
            "denoising": {"probability": request.param, "ratio": 0.5, "max_ratio": 1.0},
        },
        output={"log_every": 1, "checkpoint_minutes": 1e-6},
        validation={"fraction": 0.25, "every_steps": 9},
        dtype="float64",
    )
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def straight(config, tmp_path_factory):
    """Folder of a run of one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    run(config, folder)
    return folder


def run(config, folder, *options, launcher=COMMAND):
    command = [*launcher, str(config), "--output", str(folder), "--quiet", *options]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def weights(folder):
    state = load_state(folder / "checkpoints" / "last.pt")
    return [*state["model"].values(), *state["average"]]


def stop_while_running(config, folder, number, rows):
    """Start a run and send a signal once its table has so many rows."""
    process = subprocess.Popen(
        [*COMMAND, str(config), "--output", str(folder), "--quiet"], env=ENVIRONMENT, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while len(read_table(folder / "training.csv")) < rows:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    code = process.wait(timeout=120)
    process.stderr.close()
    return code


def test_a_killed_run_goes_on_as_if_nothing_had_happened(config, straight, tmp_path):
    assert stop_while_running(config, tmp_path, signal.SIGKILL, 6) == -signal.SIGKILL
    assert 0 < load_state(tmp_path / "checkpoints" / "last.pt")["progress"]["step"] < 24
    run(config, tmp_path, "--resume")
    for a, b in zip(weights(straight), weights(tmp_path), strict=True):
        assert torch.equal(a, b)
    for name in ("training.csv", "validation.csv"):
        tables = [read_table(folder / name) for folder in (straight, tmp_path)]
        assert [row["loss"] for row in tables[0]] == [row["loss"] for row in tables[1]]


def test_a_run_that_is_asked_to_stop_finishes_its_step_and_says_so(config, tmp_path):
    assert stop_while_running(config, tmp_path, signal.SIGTERM, 3) == 2
    step = load_state(tmp_path / "checkpoints" / "last.pt")["progress"]["step"]
    assert 3 <= step < 24
    assert len(read_table(tmp_path / "training.csv")) == step


def test_two_processes_train_as_one(config, straight, tmp_path):
    """Up to the order of sums: batches, noise, losses and weights are those of a single process."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    run(config, tmp_path, launcher=[*launcher, "-m", "equical", "train"])
    for a, b in zip(weights(straight), weights(tmp_path), strict=True):
        assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)
    for name in ("training.csv", "validation.csv"):
        one, two = (read_table(folder / name) for folder in (straight, tmp_path))
        assert np.allclose([row["loss"] for row in one], [row["loss"] for row in two], rtol=1e-6)
