"""A real disk that is full, and a real folder that may only be read: as in ``test_faults``, and for what libraries in
other languages write (SQLite, safetensors), which cannot be struck there.

Needs a system on which this user may mount a small disk in memory.
"""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from equical.cli import _describe
from equical.errors import InputError
from equical.files import is_leftover
from tests.workflows.small_runs import close, finished, labels, run, without_pictures

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def mount():
    """Mounts a disk of four megabytes at a folder, and can mount it again with other options."""
    mounted = []

    def mounting(place: Path, options: str) -> None:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"{options},size=4m", "tmpfs", str(place)]
        try:
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip("this user may mount nothing here")
        except OSError:
            pytest.skip("no disks can be mounted here")
        if "remount" not in options:
            mounted.append(place)

    yield mounting
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def leave(room: int, disk: Path) -> Path:
    """Fill a disk up to so many bytes; the file that takes the rest."""
    rest = disk / "rest"
    about = os.statvfs(disk)
    rest.write_bytes(bytes(max(0, about.f_bavail * about.f_frsize - room)))
    return rest


def used(folder: Path) -> int:
    """Bytes in a folder, in pages as a disk in memory has them."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["screen", pytest.param("train", marks=pytest.mark.slow), "md", "relax", "search"])
def test_what_was_done_on_a_disk_that_filled_up_is_kept(name, tmp_path, mount, monkeypatch):
    without_pictures(monkeypatch)
    disk = tmp_path / "disk"
    mount(disk, "rw")
    small = partial(run, name)
    small(tmp_path / "whole")
    labels(disk)
    needed, stopped = used(tmp_path / "whole"), 0
    for share in (0.0, 0.3, 0.6, 0.9):
        rest, folder = leave(int(share * needed), disk), disk / f"{share:g}"
        try:
            small(folder)
        except Exception as error:
            line, code = _describe(error)
            assert code == 1 and "unexpected" not in line, (share, line)
            assert "No space left on device" in line or "disk is full" in line, (share, line)
            assert isinstance(error, OSError | InputError), (share, line)
            stopped += 1
        rest.unlink()
        assert not [path for path in folder.rglob(".*") if is_leftover(path)], share
        small(folder, resume=True)
        assert close(finished(folder), finished(tmp_path / "whole")), share
    assert stopped >= 2


@pytest.mark.parametrize("name", ["screen", "train", "md", "relax"])
def test_a_folder_that_may_only_be_read_is_told_before_anything_is_computed(name, tmp_path, mount, calls):
    disk = tmp_path / "disk"
    mount(disk, "rw")
    labels(disk)
    labels(tmp_path)
    mount(disk, "remount,ro")
    calls.clear()
    for folder in (disk / "run", disk):
        with pytest.raises(InputError, match=f"^cannot write to output folder {folder}: (Permission|Read-only)"):
            run(name, folder)
    assert not calls
