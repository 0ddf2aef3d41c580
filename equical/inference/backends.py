"""How a step in static buffers is run: each time anew, captured as a CUDA graph, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from equical.inference.step import StaticInputs
from equical.inference.tracing import trace_functional

__all__ = ["B", "Backend", "Buffers", "CompiledBackend", "CudaGraphBackend", "DirectBackend"]

WARM_UPS = 3
"""Runs before a capture: libraries set themselves up in the first ones, which cannot be captured."""


class Buffers(Protocol):
    """Tensors that a step reads, at addresses that never change."""

    @property
    def device(self) -> torch.device:
        """Where they are."""

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them."""

    def poison(self) -> None:
        """Spoil what no step may use (for tests)."""


B = TypeVar("B", bound=Buffers)


class Backend(Protocol[B]):
    """Prepares steps that read buffers of one kind for replay."""

    def prepare(self, step: Callable[[B], Tensor], inputs: B) -> Callable[[], Tensor]:
        """Make a function that runs ``step`` on what the buffers hold when it is called.

        Args:
            step: works on tensors at addresses that never change; it may be run several times on the way.
            inputs: buffers with a valid structure in them; the same buffers are read by every replay.

        Returns:
            A function whose result may be overwritten by the next call of any function of this backend.
        """


class DirectBackend:
    """Runs the step as it is."""

    def prepare(self, step: Callable[[B], Tensor], inputs: B) -> Callable[[], Tensor]:
        """See :class:`Backend`."""
        return lambda: step(inputs)


class CudaGraphBackend:
    """Captures the step as a CUDA graph; a replay launches all of its kernels at once.

    All graphs share one pool of memory, which is as large as the largest needs (if they share a stream too: torch keeps
    the memory of different streams apart). So a result is only good until the next replay of any of them.

    Args:
        error_mode: what counts as an error during the capture, see ``torch.cuda.graph``. By default only what this
            thread does, since other threads have every right to use the GPU.
    """

    def __init__(self, error_mode: str = "thread_local"):
        self.error_mode = error_mode
        self._pool: Any = None
        self._stream: Any = None

    def __getstate__(self) -> dict[str, object]:
        """Copies have a pool and a stream of their own."""
        return {"error_mode": self.error_mode, "_pool": None, "_stream": None}

    def prepare(self, step: Callable[[B], Tensor], inputs: B) -> Callable[[], Tensor]:
        """See :class:`Backend`."""
        with torch.cuda.device(inputs.device):
            if self._pool is None:
                self._pool, self._stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream()
            stream = self._stream
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    step(inputs)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode=self.error_mode):
                output = step(inputs)

        def replay() -> Tensor:
            graph.replay()
            return output

        return replay


class CompiledBackend:
    """Traces the step, derivatives included, and compiles what was traced; needs a C++ compiler on a CPU."""

    def prepare(self, step: Callable[[StaticInputs], Tensor], inputs: StaticInputs) -> Callable[[], Tensor]:
        """See :class:`Backend`."""
        tensors = inputs.tensors()
        compiled = torch.compile(trace_functional(step, inputs), fullgraph=True, dynamic=False)

        def replay() -> Tensor:
            with torch.no_grad():
                return compiled(*tensors)

        replay()
        return replay
