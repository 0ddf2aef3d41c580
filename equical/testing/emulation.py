"""CUDA graphs emulated on a CPU: what is captured is a list of operations on memory, and replaying does only that.

As with the real thing, the Python code of the step runs once. Whatever it decided then is decided for good, Python
numbers are frozen in, and results appear where they appeared in the capture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from equical.inference.backends import B
from equical.inference.memory import tensors_in
from equical.testing.capture_safety import complaint

__all__ = ["EmulatedGraphBackend"]


@dataclass(frozen=True)
class Launch:
    """One operation and the memory that its result goes to; ``results`` is empty if it writes there by itself."""

    operation: Any
    args: Any
    kwargs: dict[str, Any]
    results: tuple[Tensor, ...]


class Capture(TorchDispatchMode):
    """Records operations, and refuses those that a CUDA graph could not hold."""

    def __init__(self, device: torch.device):
        super().__init__()
        self.device = device
        self.launches: list[Launch] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Record one operation, and let it happen."""
        kwargs = kwargs or {}
        found = complaint(func, args, kwargs, self.device)
        if found is not None:
            raise RuntimeError(f"cannot be captured: {found}")
        result = func(*args, **kwargs)
        memory = {_memory(tensor) for tensor in tensors_in([*args, *kwargs.values()])}
        fresh = tuple(tensor for tensor in tensors_in(result) if _memory(tensor) not in memory)
        if fresh or func._schema.is_mutable:
            self.launches.append(Launch(func, args, kwargs, fresh))
        return result


class EmulatedGraphBackend:
    """Captures steps as lists of operations, for tests of everything around CUDA graphs.

    Before every replay all that is no input is spoiled: padding with NaN and impossible indices, and the output with
    NaN.

    Attributes:
        captures, replays: how many there were.
    """

    def __init__(self) -> None:
        self.captures = self.replays = 0

    def prepare(self, step: Callable[[B], Tensor], inputs: B) -> Callable[[], Tensor]:
        """See :class:`~equical.inference.backends.Backend`."""
        step(inputs)
        with Capture(inputs.device) as capture:
            output = step(inputs)
        self.captures += 1
        addresses = [tensor.data_ptr() for tensor in inputs.tensors()]

        def replay() -> Tensor:
            assert addresses == [tensor.data_ptr() for tensor in inputs.tensors()], "a buffer has moved"
            inputs.poison()
            output.fill_(torch.nan)
            with torch.no_grad():
                for launch in capture.launches:
                    _relaunch(launch)
            self.replays += 1
            return output

        return replay


def _relaunch(launch: Launch) -> None:
    result = launch.operation(*launch.args, **launch.kwargs)
    if launch.results:
        for place, tensor in zip(launch.results, tensors_in(result), strict=True):
            place.copy_(tensor)


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
