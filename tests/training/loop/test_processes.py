"""Real processes: one that is killed and resumed, two that share the work."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

from equical.cli import main
from equical.training.loop.checkpointing import load_state
from equical.training.report.tables import read_table
from tests.training.labelled import values, write_copper

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
STEPS = 20


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """As the processes have, for the same bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A YAML file; checkpoints after every step. In the second stage most batches have nothing to denoise."""
    folder = tmp_path_factory.mktemp("data")
    denoising = {"ratio": 0.5, "max_ratio": 1.0}
    settings = values(
        write_copper(folder, 16),
        training={"limits": {"max_steps": STEPS // 2}, "batch": {"max_atoms": 16}},
        stages=[
            {"name": "often denoised", "denoising": denoising | {"probability": 0.5}},
            {"name": "seldom denoised", "denoising": denoising | {"probability": 0.1}},
        ],
        output={"log_every": 1, "checkpoint_minutes": 1e-6},
        validation={"fraction": 0.25, "every_steps": 7},
        dtype="float64",
    )
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def arguments(config, folder):
    return ["train", str(config), "--output", str(folder), "--quiet"]


def run(config, folder, *options):
    """Train in this process."""
    done = CliRunner().invoke(main, [*arguments(config, folder), *options])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def straight(config, tmp_path_factory):
    """Folder of a run of one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("straight")
    run(config, folder)
    return folder


def weights(folder):
    state = load_state(folder / "checkpoints" / "last.pt")
    return [*state["model"].values(), *state["average"]]


RUN_WITH_SIGNAL = """
import os, sys
import equical.training.loop.step as plain
from equical.cli import main

number, last = (int(argument) for argument in sys.argv[1:3])
train_step, count = plain.train_step, 0

def step(*args, **kwargs):
    global count
    count += 1
    if count == last:
        os.kill(os.getpid(), number)
    return train_step(*args, **kwargs)

plain.train_step = step
main(sys.argv[3:])
"""


def run_with_signal(config, folder, number, step):
    """Train in a process that gets a signal as it begins a step; its exit code."""
    command = [sys.executable, "-c", RUN_WITH_SIGNAL, str(int(number)), str(step), *arguments(config, folder)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 1, done.stderr
    return done.returncode


def test_a_killed_run_goes_on_as_if_nothing_had_happened(config, straight, tmp_path):
    assert run_with_signal(config, tmp_path, signal.SIGKILL, 7) == -signal.SIGKILL
    assert load_state(tmp_path / "checkpoints" / "last.pt")["progress"]["step"] == 6
    run(config, tmp_path, "--resume")
    for a, b in zip(weights(straight), weights(tmp_path), strict=True):
        assert torch.equal(a, b)
    for name in ("training.csv", "validation.csv"):
        tables = [read_table(folder / name) for folder in (straight, tmp_path)]
        assert [row["loss"] for row in tables[0]] == [row["loss"] for row in tables[1]]


def test_a_run_that_is_asked_to_stop_finishes_its_step_and_says_so(config, tmp_path):
    assert run_with_signal(config, tmp_path, signal.SIGTERM, 4) == 2
    assert load_state(tmp_path / "checkpoints" / "last.pt")["progress"]["step"] == 4
    assert len(read_table(tmp_path / "training.csv")) == 4


def test_two_processes_train_as_one(config, straight, tmp_path):
    """Up to the order of sums: batches, noise, losses and weights are those of a single process."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = [*launcher, "-m", "equical", *arguments(config, tmp_path)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    for a, b in zip(weights(straight), weights(tmp_path), strict=True):
        assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)
    for name in ("training.csv", "validation.csv"):
        one, two = (read_table(folder / name) for folder in (straight, tmp_path))
        assert np.allclose([row["loss"] for row in one], [row["loss"] for row in two], rtol=1e-6)
