"""Files and folders that are whole or absent: written under another name, brought to the disk, and then renamed.

A run that dies, a disk that fills up or a machine that loses its power leaves the previous version untouched.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["atomic_folder", "atomic_path", "file_sha256", "is_leftover", "sync", "write_json"]

LEFTOVER = re.compile(r"\..+\.(\d+)\.(tmp(\..+)?|new|old)")
"""Names of what a killed process leaves: ``.result.4711.tmp.json``, ``.model.4711.new``."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it takes the place of ``path`` when the block ends without an exception."""
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")  # the suffix tells writers the format
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a copy of a folder to change, or a new one; it takes the place of ``path`` when the block ends without an
    exception. There is never nothing in that place, and what killed processes were writing there is removed.
    """
    path = Path(path).resolve()
    new, old = (path.with_name(f".{path.name}.{os.getpid()}.{kind}") for kind in ("new", "old"))
    _remove_abandoned(path)
    try:
        if path.exists():
            shutil.copytree(path, new)
        new.mkdir(parents=True, exist_ok=True)
        yield new
        for entry in [new, *new.rglob("*")]:
            sync(entry)
        if not path.exists():
            os.replace(new, path)
        elif not _exchange(new, path):  # for an instant between two renames the folder has another name
            os.replace(path, old)
            try:
                os.replace(new, path)
            except BaseException:
                os.replace(old, path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        sync(path.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)  # after an exchange that is what was there before


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux, on most file systems); Python has no call for it."""
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    return rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0


def _remove_abandoned(path: Path) -> None:
    """Remove what processes that are no more have left of a folder they were writing."""
    if not path.parent.is_dir():
        return
    for rest in path.parent.glob(f".{glob_escape(path.name)}.*"):
        found = LEFTOVER.fullmatch(rest.name)
        if found and rest.is_dir() and (path.exists() or found[2] == "new") and not _is_running(int(found[1])):
            shutil.rmtree(rest, ignore_errors=True)


def _is_running(process: int) -> bool:
    """Whether another process of this number works on this machine; where that cannot be told, it may."""
    if process == os.getpid():
        return False
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems cannot; then it is as safe as it can be there
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is what a killed process has left of something it was writing."""
    return LEFTOVER.fullmatch(path.name) is not None


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike[str], data: Mapping[str, Any]) -> None:
    """Write a mapping as strict JSON; arrays become lists, dataclasses mappings, and NaN and infinities null."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    """``value`` in the types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(item) for item in value]
