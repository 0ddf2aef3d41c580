"""Read a PyTorch checkpoint file as plain data: tensors, numbers, strings and containers, nothing else.

Such a file is a pickle, which may call any function when it is read in full. It is read with ``weights_only`` here: only the
callables listed below may occur besides the tensors, and the first other one ends the reading by name.
"""

import re
from pathlib import Path, PurePosixPath
from pickle import UnpicklingError
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from equical.errors import InputError

__all__ = ["read_checkpoint"]


def _encode_latin1(text: str, encoding: str) -> bytes:
    """What old pickles call to make bytes; the general function would load any codec."""
    if encoding != "latin1":
        raise UnpicklingError(f"GLOBAL _codecs.encode with {encoding}")
    return text.encode("latin1")


ALLOWED: list[Any] = [
    # Numbers and small arrays of numpy, in metrics and configurations.
    *((np.float64().__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    *((np.zeros(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    (np.ndarray, "numpy.ndarray"),
    (np.dtype, "numpy.dtype"),
    *(type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "uint8", "float32", "float64")),
    (_encode_latin1, "_codecs.encode"),
    # Paths in configurations.
    (PurePosixPath, "pathlib.PosixPath"),
    (PurePosixPath, "pathlib._local.PosixPath"),
]
"""Callables that a checkpoint may name, each with the name it goes by. All of them only hold data."""


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The dictionary that a training code saved; tensors on the CPU, mapped from the file where possible.

    Raises:
        InputError: the file is missing, truncated, no checkpoint, or holds foreign objects, which are named.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; give a checkpoint file (.pt).")
    try:
        with torch.serialization.safe_globals(ALLOWED):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (UnpicklingError, AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise InputError(_refusal(path, str(error))) from error
    except (EOFError, RuntimeError) as error:
        raise InputError(_damage(path, str(error))) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {type(content).__name__} data, not the dictionary of a checkpoint.")
    return content


def _refusal(path: Path, message: str) -> str:
    """Why the unpickler stopped, in one line."""
    named = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"(?:function|got) <[\w-]+(?: function)? '?([\w.]+)", message)
    if named:
        return (
            f"{path} holds a foreign object, {named[1]}: reading it would run code from the file, so it is refused."
            " Only tensors and plain data are read; ask its authors for a file with a plain state_dict and config."
        )
    return f"{path} is no PyTorch checkpoint, or is damaged: {_first_sentence(message)}."


def _damage(path: Path, message: str) -> str:
    if "TorchScript" in message:
        return f"{path} is a TorchScript archive (code and weights), not a training checkpoint."
    if path.stat().st_size == 0:
        return f"{path} is empty."
    return f"{path} is truncated or no PyTorch checkpoint: {_first_sentence(message)}."


def _first_sentence(message: str) -> str:
    for prefix in ("Weights only load failed", "WeightsUnpickler error: "):
        if prefix in message:
            message = message.split("WeightsUnpickler error: ")[-1]
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["unreadable"]
    return re.split(r"\.\s|\.$", lines[0])[0]


