"""The state of a run is whole at any moment."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from equical import InputError
from equical.training.loop.checkpointing import load_state, save_state
from tests.faults import Interrupt, count_file_events, struck_at

WRITE_WITHOUT_END = """
import sys, torch
from pathlib import Path
from equical.training.loop.checkpointing import save_state
step = 0
while True:
    step += 1
    save_state(Path(sys.argv[1]), {"step": step, "weights": torch.full((1_000_000,), float(step))})
"""


def test_a_state_comes_back_as_it_was(tmp_path):
    save_state(tmp_path / "last.pt", {"step": 3, "weights": torch.arange(4.0), "best": {"loss": 0.5}})
    state = load_state(tmp_path / "last.pt")
    assert (state["step"], state["best"], state["weights"].tolist()) == (3, {"loss": 0.5}, [0.0, 1.0, 2.0, 3.0])


def test_a_write_that_fails_leaves_the_state_before(tmp_path, monkeypatch):
    """A full disk, for instance, after half of the bytes."""
    path = tmp_path / "last.pt"
    save_state(path, {"step": 1})

    def half(state, file):
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="No space left"):
        save_state(path, {"step": 2})
    assert load_state(path)["step"] == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pt"]


def test_a_process_killed_while_it_writes_leaves_a_whole_state(tmp_path):
    path = tmp_path / "last.pt"
    process = subprocess.Popen([sys.executable, "-c", WRITE_WITHOUT_END, str(path)])
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    state = load_state(path)
    assert (state["weights"] == state["step"]).all()


def test_a_state_of_another_format(tmp_path):
    torch.save({"format": 0}, tmp_path / "last.pt")
    with pytest.raises(InputError, match="written by another version of equical"):
        load_state(tmp_path / "last.pt")


def test_whatever_keeps_a_state_from_being_written_is_told_as_such(tmp_path):
    """And not as a fault of an archive."""

    def run(folder):
        save_state(folder / "last.pt", {"weights": torch.zeros(10_000)})

    for number in range(1, count_file_events(run, tmp_path)):
        assert type(struck_at(number, Interrupt(), run, tmp_path)) is KeyboardInterrupt, number
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]
