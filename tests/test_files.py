"""Files are whole or absent."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from equical.files import atomic_folder, atomic_path, is_leftover, write_json


def test_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"energy": 1.0})
    with pytest.raises(OSError, match="disk full"), atomic_path(target) as temporary:
        temporary.write_text("half a fi")
        raise OSError("disk full")
    assert json.loads(target.read_text()) == {"energy": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_kill_between_write_and_rename_leaves_the_old_file(tmp_path):
    target = tmp_path / "result.json"
    write_json(target, {"energy": 1.0})
    script = (
        "import os, signal, sys\n"
        "from equical import files\n"
        "files.os.replace = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_json(sys.argv[1], {'energy': 2.0})\n"
    )
    process = subprocess.run([sys.executable, "-c", script, str(target)], check=False)
    assert process.returncode == -signal.SIGKILL
    assert json.loads(target.read_text()) == {"energy": 1.0}


def test_json_is_strict_and_plain(tmp_path):
    @dataclass
    class Fit:
        volume: float

    write_json(
        tmp_path / "a.json",
        {"array": np.eye(2), "nan": np.nan, "count": np.int64(3), "flag": np.True_, "fit": Fit(2.0), 1: (Path("b"),)},
    )
    expected = {"array": [[1, 0], [0, 1]], "nan": None, "count": 3, "flag": True, "fit": {"volume": 2.0}, "1": ["b"]}
    assert json.loads((tmp_path / "a.json").read_text()) == expected


@pytest.mark.parametrize("suffix", [".json", ".tar.gz", ""])
def test_what_a_kill_leaves_is_known_by_its_name(tmp_path, suffix):
    with atomic_path(tmp_path / f"run{suffix}") as temporary:
        temporary.write_text("")
        assert is_leftover(temporary)
    assert not is_leftover(tmp_path / f"run{suffix}")
    assert not is_leftover(tmp_path / ".lock")


def write_model(folder, weights):
    with atomic_folder(folder) as new:
        (new / "weights").write_text(weights)


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    write_model(tmp_path / "model", "one")
    (tmp_path / "model" / "card.md").write_text("mine")
    with pytest.raises(OSError, match="disk full"), atomic_folder(tmp_path / "model") as new:
        (new / "weights").write_text("ha")
        raise OSError("disk full")
    assert (tmp_path / "model" / "weights").read_text() == "one"
    write_model(tmp_path / "model", "two")
    assert {path.name: path.read_text() for path in (tmp_path / "model").iterdir()} == {
        "weights": "two", "card.md": "mine",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_behind_a_link_is_replaced_where_it_is(tmp_path):
    write_model(tmp_path / "disk" / "model", "one")
    (tmp_path / "model").symlink_to(tmp_path / "disk" / "model")
    write_model(tmp_path / "model", "two")
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "disk" / "model" / "weights").read_text() == "two"


def test_what_killed_processes_left_of_a_folder_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    running = os.getppid()
    for process in (gone.pid, running):
        (tmp_path / f".model.{process}.new").mkdir()
    write_model(tmp_path / "model", "one")
    assert {path.name for path in tmp_path.iterdir()} == {"model", f".model.{running}.new"}
