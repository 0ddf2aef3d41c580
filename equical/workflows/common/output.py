"""Where a workflow's results go: one folder, never overwritten silently."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from equical.errors import InputError

__all__ = ["open_output", "remove_earlier", "removed_if_empty"]


def open_output(
    directory: str | os.PathLike[str] | None,
    command: str,
    stem: str,
    leaves: Iterable[str],
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Create the folder a run writes to.

    Args:
        directory: the folder; None for ``<command>-<stem>`` in the working directory.
        command: name of the workflow.
        stem: what it works on, usually the stem of the structure file.
        leaves: patterns of the files that such a run leaves in its folder, beside ``result.json``.
        overwrite: accept a folder with earlier results. They are removed at once, so that none of them can be taken
            for a result of the new run, which may fail, die half-way, or have less to tell. Other files stay.
        resume: accept a folder with earlier results and leave all of it in place.

    Raises:
        InputError: the folder is not empty (and neither ``overwrite`` nor ``resume``), or cannot be written to.
    """
    folder = Path(directory) if directory is not None else Path(f"{command}-{stem}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output {folder} is a file; give a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
        occupied = any(folder.iterdir())
        if occupied and overwrite:
            remove_earlier(folder, leaves)
    except OSError as error:
        raise InputError(f"cannot write to output folder {folder}: {error.strerror or error}") from error
    if occupied and not (overwrite or resume):
        raise InputError(f"output folder {folder} is not empty; choose another with --output, or --overwrite it")
    return folder


def remove_earlier(folder: Path, leaves: Iterable[str]) -> None:
    """Remove ``result.json`` and what else an earlier run has left, and subfolders that are empty then."""
    found = [path for pattern in ("result.json", *leaves) for path in folder.glob(pattern) if path.is_file()]
    for path in found:
        path.unlink()
    for parent in {path.parent for path in found} - {folder}:
        if not any(parent.iterdir()):
            parent.rmdir()


@contextmanager
def removed_if_empty(folder: Path | None) -> Iterator[None]:
    """Remove an output folder again when an exception ends the block before anything was written to it."""
    try:
        yield
    except BaseException:
        if folder is not None and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise
