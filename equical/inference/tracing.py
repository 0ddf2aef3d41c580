"""A step, derivatives included, as a flat graph of tensor operations."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from equical.inference.step import StaticInputs

__all__ = ["trace"]


def trace(step: Callable[[StaticInputs], Tensor], inputs: StaticInputs) -> GraphModule:
    """Record every operation of ``step`` on these buffers; Python numbers become constants, as in a CUDA graph.

    Returns:
        A module that takes ``inputs.tensors()``.
    """
    step(inputs)  # constants that are made once are made here, and are no part of the graph
    return make_fx(lambda *tensors: step(StaticInputs(*tensors)))(*inputs.tensors())
