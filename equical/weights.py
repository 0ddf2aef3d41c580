"""A weights file, judged by its header before anything is read or allocated.

The header of a safetensors file names every tensor with its type and shape. A network of the same architecture is built
without memory (on torch's ``meta`` device), and the two must agree. So a small file cannot ask for a large network, and
a large file that is not for this network is not read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as parse_safetensors
from torch import nn
from torch.overrides import TorchFunctionMode

from equical.errors import InputError
from equical.model import AnyConfig
from equical.model.generations import build_network

__all__ = [
    "DTYPES",
    "MOST_WEIGHTS",
    "StoredTensor",
    "Unfilled",
    "read_header",
    "read_whole",
    "require_fit",
    "require_numbers",
]
__all__ += ["tensors_of"]

DTYPES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}
"""Types that weights may have, and what safetensors calls them."""

MOST_WEIGHTS = 4 << 30
"""Bytes of a weights file: several times the largest published model."""

MOST_HEADER = 16 << 20
"""Bytes of its header."""

MOST_CONSTANTS = 1 << 28
"""Bytes of grids and tables that a network makes for itself."""


@dataclass(frozen=True)
class StoredTensor:
    """What a header says of one tensor."""

    dtype: str
    shape: tuple[int, ...]


class Unfilled(TorchFunctionMode):
    """Within, new weights are not drawn: they are about to be overwritten, or there is no memory for them.

    This leaves the caller's stream of random numbers alone, and on the ``meta`` device spares the import of torch's
    tracer, which takes seconds. With torch 2.6 zeros and ones would need it as well, an empty tensor that is filled
    does not.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let everything happen but the drawing of random numbers."""
        kwargs = kwargs or {}
        if func.__name__ in DRAWING:
            return args[0] if args else kwargs["tensor"]
        if func in FILLED:
            return torch.empty(*args, **kwargs).fill_(FILLED[func])
        return func(*args, **kwargs)


DRAWING = ("normal_", "uniform_", "kaiming_uniform_")
"""Methods of tensors, and the functions of ``torch.nn.init`` around them."""

FILLED = {torch.zeros: 0, torch.ones: 1}
"""What makes a tensor of one number, and the number."""


@contextmanager
def _opened(path: Path, most: int) -> Iterator[BinaryIO]:
    """An ordinary file of at most so many bytes, open for reading; a pipe is not waited for."""
    try:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"Cannot read {path}: it is no ordinary file.")
            if status.st_size > most:
                raise InputError(f"{path} is too large: {status.st_size} bytes, where at most {most} make sense.")
            yield file
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error


def read_whole(path: Path, most: int) -> bytes:
    """The content of an ordinary file of at most so many bytes.

    Raises:
        InputError: there is no such file, or it is something else (a folder, a device, a pipe), or too large.
    """
    with _opened(path, most) as file:
        return file.read(most)


def read_header(path: Path) -> dict[str, StoredTensor]:
    """What the weights file holds, without its numbers.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    with _opened(path, MOST_WEIGHTS) as file:
        size, header = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
    if header > min(size, MOST_HEADER):
        raise InputError(f"{path} is damaged or no safetensors file: its header cannot have {header} bytes.")
    try:
        with safe_open(path, "pt") as tensors:
            slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118 (it is no dictionary)
            return {name: StoredTensor(part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path} is damaged or no safetensors file: {_line(error)}.") from error


def require_fit(stored: Mapping[str, StoredTensor], config: AnyConfig, dtype: str, path: Path) -> None:
    """Refuse weights that are not those of this architecture.

    Args:
        stored: what the file holds.
        config: the architecture.
        dtype: type of the weights, as torch calls it.
        path: the file, to be named.

    Raises:
        InputError: tensors are missing, unexpected, of another shape or type; or the network would need more memory
            than any such network should.
    """
    blocks = {name.split(".")[2] for name in stored if name.startswith("network.blocks.")}
    if len(blocks) < config.num_layers:  # noticed without building any
        raise InputError(
            f"{path} does not fit the architecture: num_layers is {config.num_layers}, and there are weights of"
            f" {len(blocks)} blocks; tensors of the others are missing."
        )
    with torch.device("meta"), Unfilled():
        network = build_network(config)
    expected = {f"network.{name}": tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    common = sorted(expected.keys() & stored.keys())
    problems = {
        "missing": sorted(expected.keys() - stored.keys()),
        "unexpected": sorted(stored.keys() - expected.keys()),
        "of the wrong shape": [
            f"{name} ({list(stored[name].shape)} instead of {list(expected[name])})"
            for name in common
            if stored[name].shape != expected[name]
        ],
        "of the wrong type": [
            f"{name} ({stored[name].dtype} instead of {DTYPES[dtype]})"
            for name in common
            if stored[name].dtype != DTYPES[dtype]
        ],
    }
    found = [f"{problem}: {_some(names)}" for problem, names in problems.items() if names]
    if found:
        raise InputError(f"{path} does not fit the architecture; tensors {'; '.join(found)}.")
    _require_small_constants(network, path)


def _require_small_constants(network: nn.Module, path: Path) -> None:
    size = sum(8 * constant.numel() for constant in network.buffers())
    if size > MOST_CONSTANTS:
        raise InputError(
            f"{path} belongs to a network that would make {size >> 20} MB of grids and tables beside its weights;"
            " check edge_grid, node_grid, num_heads and value_channels of its architecture."
        )


def tensors_of(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    """The tensors in the content of a weights file.

    Raises:
        InputError: it is damaged.
    """
    try:
        return parse_safetensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged or no safetensors file: {_line(error)}.") from error


def require_numbers(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Refuse weights that would make every prediction no number.

    Raises:
        InputError: some weight is NaN or infinite.
    """
    wrong = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if wrong:
        raise InputError(
            f"weights of {path} are no numbers (NaN or infinite): {_some(wrong)}; the training that they come from "
            "went astray, take an earlier model."
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
