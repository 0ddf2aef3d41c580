"""Where to compute and how precisely, by the names that users give."""

from __future__ import annotations

import torch

from equical.errors import InputError

__all__ = ["find_device", "find_dtype"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def find_dtype(name: str) -> torch.dtype:
    """The type of numbers that is called so.

    Raises:
        InputError: models are not evaluated in such a type.
    """
    if name not in DTYPES:
        raise InputError(f"dtype must be one of {', '.join(DTYPES)}, not {name!r}.")
    return DTYPES[name]


def find_device(name: str) -> torch.device:
    """The device that is called so; ``"auto"`` is a GPU where there is one.

    Raises:
        InputError: there is none of that name, or equical does not run on its kind.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise InputError(f"There is no device {name!r}; use auto, cpu, cuda or cuda:N.") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"equical runs on cpu and cuda devices, not on {name!r}.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"There is no device {name!r}: torch finds {found} CUDA devices; use auto or cpu.")
    return device
