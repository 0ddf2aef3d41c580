"""Files are whole or absent."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from equical.files import atomic_path, is_leftover, write_json


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
