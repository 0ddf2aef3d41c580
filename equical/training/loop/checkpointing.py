"""The state of a run on disk: enough to go on as if it had never stopped, and whole at any moment."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from equical.errors import InputError
from equical.files import atomic_path

__all__ = ["load_state", "save_state"]

FORMAT = 1


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, strings, and lists and dicts of these, in place of ``path`` in one rename.

    Raises:
        OSError: the disk is full, say; torch itself would tell of a position in the file that it did not expect.
    """
    whole = io.BytesIO()
    torch.save({"format": FORMAT, **state}, whole)
    with atomic_path(path) as temporary:
        temporary.write_bytes(whole.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Read what :func:`save_state` wrote, without running any code from the file.

    Raises:
        InputError: the file is missing, damaged, or from another version.
    """
    if not path.is_file():
        raise InputError(f"nothing to resume: {path} does not exist; start without --resume")
    try:
        with zipfile.ZipFile(path) as archive:  # compares checksums, which torch does not
            torn = archive.testzip()
        if torn is not None:
            raise zipfile.BadZipFile(f"{torn} has another checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can fail in any of torch's, zipfile's and pickle's ways
        raise InputError(f"{path} is damaged or no training state: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path} was written by another version of equical; resume with that version, or start afresh")
    return state
