"""How much memory tensors take while something is computed."""

from __future__ import annotations

import weakref
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from equical.inference.capture_safety import tensors_in

__all__ = ["PeakMemory"]


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
