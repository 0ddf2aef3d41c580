"""Read a PyTorch checkpoint file as plain data: tensors, numbers, strings and containers, nothing else.

Such a file is a pickle, which may call any function when it is read in full. It is read with ``weights_only`` here:
only the callables listed below may occur besides the tensors, and the first other one ends the reading, by name.
"""

import re
import warnings
from pathlib import Path, PurePosixPath
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from equical.errors import InputError

__all__ = ["read_checkpoint"]


ALLOWED: list[Any] = [
    # Numbers and small arrays of numpy, in metrics and configurations.
    *((np.float64().__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((np.zeros(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    (np.ndarray, "numpy.ndarray"),
    (np.dtype, "numpy.dtype"),
    *(type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "uint8", "float32", "float64")),
    # Paths in configurations.
    (PurePosixPath, "pathlib.PosixPath"),
    (PurePosixPath, "pathlib._local.PosixPath"),
]
"""Callables that a checkpoint may name besides those torch allows, with the names they go by. They only hold data."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The dictionary that a training code saved; tensors on the CPU, mapped from the file where possible.

    Raises:
        InputError: the file is missing, truncated, no checkpoint, or holds foreign objects, which are named.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; give a checkpoint file (.pt).")
    try:
        with torch.serialization.safe_globals(ALLOWED), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about archives that are then refused with a sentence of their own
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (UnpicklingError, EOFError, RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise InputError(_refusal(path, str(error))) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {type(content).__name__} data, not the dictionary of a checkpoint.")
    return content


def _refusal(path: Path, message: str) -> str:
    """Why the reading stopped, in one line."""
    foreign = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"function <(?:class )?'?([\w. -]+)", message)
    if foreign:
        return (
            f"{path} holds a foreign object, {foreign[1]}: reading it would run code from the file, so it is refused."
            " Ask its authors for a file with a plain state_dict and config."
        )
    if "Unsupported operand" in message and is_zipfile(path):
        return f"{path} was saved with a newer pickle protocol than torch.save's own, which cannot be read safely."
    if "TorchScript" in message:
        return f"{path} is a TorchScript archive (code and weights), not a training checkpoint."
    with open(path, "rb") as file:
        start = file.read(4)
    if start in (b"PK\3\4", b"\x80\2\x8a\n"):  # how torch.save has begun its files, now and formerly
        return f"{path} is truncated or damaged; download it again."
    return f"{path} is {'no PyTorch checkpoint (.pt)' if start else 'empty'}."
