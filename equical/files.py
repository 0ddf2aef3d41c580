"""Files that are whole or absent: written under another name, brought to the disk, and then renamed.

A run that dies, a disk that fills up or a machine that loses its power leaves the previous version untouched.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["atomic_path", "is_leftover", "sync", "write_json"]

LEFTOVER = re.compile(r"\..+\.\d+\.(tmp(\..+)?|new)")
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
