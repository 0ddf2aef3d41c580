"""How much memory tensors take while something is computed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["PeakMemory", "tensors_in"]


class PeakMemory(TorchDispatchMode):
    """Adds up the memory of all tensors made within the block, as long as they live, derivatives included.

    What operations use inside themselves, and tensors from before, do not count.

    Attributes:
        live: bytes at the moment.
        peak: bytes, the most there was at any time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let an operation happen, and count the memory of what it made."""
        kwargs = kwargs or {}
        before = {tensor.untyped_storage()._cdata for tensor in tensors_in([*args, *kwargs.values()])}
        result = func(*args, **kwargs)
        for tensor in tensors_in(result):
            storage = tensor.untyped_storage()
            if storage._cdata not in before and storage._cdata not in self._known:
                self._known.add(storage._cdata)
                self.live += storage.nbytes()
                weakref.finalize(storage, self._release, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.live)
        return result

    def _release(self, memory: int, size: int) -> None:
        self._known.discard(memory)
        self.live -= size


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among arguments or results of an operation, which may be in lists."""
    for value in values if isinstance(values, list | tuple) else (values,):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(value)
