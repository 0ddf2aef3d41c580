"""Reading untrusted files: plain data comes through, everything else is refused by name and nothing is executed."""

import os
from pathlib import Path, PosixPath

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from equical import InputError
from equical.conversion.reader import ALLOWED, read_checkpoint

TRAP = []


class Foreign:
    """Of a class that the reader does not know."""


class Bomb:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def saved(path: Path, content: object, **options: object) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_plain_data_and_numbers_of_numpy_come_through(tmp_path, options):
    content = {
        "state_dict": {"weight": torch.arange(3.0)},
        "metrics": {"mae": np.float64(0.25), "count": np.int64(3), "list": np.arange(2.0)},
        "config": {"path": PosixPath("/data/train"), "text": "x", "flags": [True, None, 1.5]},
    }
    found = read_checkpoint(saved(tmp_path / "file.pt", content, **options))
    assert torch.equal(found["state_dict"]["weight"], torch.arange(3.0))
    assert found["metrics"]["mae"] == 0.25 and found["metrics"]["count"] == 3
    assert found["metrics"]["list"].tolist() == [0.0, 1.0]
    assert str(found["config"]["path"]) == "/data/train"
    assert found["config"]["flags"] == [True, None, 1.5]


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (Bomb(os.system, "touch executed"), "system"),
        (Bomb(eval, "TRAP.append(1)"), "eval"),
        (Bomb(TRAP.append, 1), "getattr"),
        (Foreign(), r"test_reader\.Foreign"),
        (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
    ],
)
def test_foreign_objects_are_refused_by_name_and_not_executed(tmp_path, monkeypatch, content, named, options):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "file.pt", {"state_dict": content}, **options)
    with pytest.raises(InputError, match=f"file.pt holds a foreign object, .*{named}: reading it would run code"):
        read_checkpoint(path)
    assert TRAP == []
    assert sorted(tmp_path.iterdir()) == [path]


def test_allowance_ends_with_the_reading(tmp_path):
    read_checkpoint(saved(tmp_path / "file.pt", {"a": np.float64(1)}))
    assert not set(torch.serialization.get_safe_globals()) & set(ALLOWED)


def test_newer_pickle_protocol(tmp_path):
    with pytest.raises(InputError, match="saved with a newer pickle protocol"):
        read_checkpoint(saved(tmp_path / "file.pt", {"a": {"b": 1.0}}, pickle_protocol=4))


def test_truncated_file(tmp_path):
    path = saved(tmp_path / "file.pt", {"state_dict": {"a": torch.zeros(1000)}})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="file.pt is truncated or damaged; download it again"):
        read_checkpoint(path)


def test_truncated_legacy_file(tmp_path):
    path = saved(tmp_path / "file.pt", {"a": torch.zeros(1000)}, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="file.pt is truncated or damaged; download it again"):
        read_checkpoint(path)


@pytest.mark.parametrize("start", [b"8\n\nC 0 0 0", b"\x89PNG\r\n\x1a\n", b"<!DOCTYPE html>", b"import torch\n"])
def test_other_files_are_no_checkpoints(tmp_path, start):
    path = tmp_path / "file.pt"
    path.write_bytes(start * 50)
    with pytest.raises(InputError, match=r"file.pt is no PyTorch checkpoint \(.pt\)"):
        read_checkpoint(path)


def test_safetensors_are_no_checkpoint(tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "file.pt")
    with pytest.raises(InputError, match=r"is no PyTorch checkpoint"):
        read_checkpoint(tmp_path / "file.pt")


def test_torchscript_archive(tmp_path):
    # What torch looks for; making a real one raises deprecation warnings of torch's own.
    import zipfile

    saved(tmp_path / "file.pt", {"a": 1})
    with zipfile.ZipFile(tmp_path / "file.pt", "a") as archive:
        root = archive.namelist()[0].split("/")[0]
        archive.writestr(f"{root}/constants.pkl", b"")
    with pytest.raises(InputError, match="is a TorchScript archive"):
        read_checkpoint(tmp_path / "file.pt")


def test_empty_missing_folder_and_list(tmp_path):
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match="empty.pt is empty"):
        read_checkpoint(tmp_path / "empty.pt")
    with pytest.raises(InputError, match="missing.pt is missing"):
        read_checkpoint(tmp_path / "missing.pt")
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match="holds list data"):
        read_checkpoint(saved(tmp_path / "list.pt", [1, 2]))
