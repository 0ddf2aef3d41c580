"""The state of a run on disk: enough to go on as if it had never stopped, and whole at any moment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from equical.errors import InputError

__all__ = ["file_sha256", "load_state", "replaced_at_once", "save_state"]

FORMAT = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, and lists and dicts of these, in place of ``path`` in one rename."""
    with replaced_at_once(path) as temporary, open(temporary, "wb") as file:
        torch.save({"format": FORMAT, **state}, file)
        file.flush()
        os.fsync(file.fileno())


def load_state(path: Path) -> dict[str, Any]:
    """Read what :func:`save_state` wrote, without running any code from the file.

    Raises:
        InputError: the file is missing, damaged, or from another version.
    """
    if not path.is_file():
        raise InputError(f"nothing to resume: {path} does not exist; start without --resume")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can fail in any of torch's, zipfile's and pickle's ways
        raise InputError(f"{path} is damaged or no training state: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path} was written by another version of equical; resume with that version, or start afresh")
    return state


@contextmanager
def replaced_at_once(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without an error."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
