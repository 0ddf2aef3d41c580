"""A step, derivatives included, as a flat graph of tensor operations."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.func import functionalize
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from equical.inference.step import StaticInputs

__all__ = ["run_on_fake_device", "trace", "trace_functional"]


def trace(step: Callable[[StaticInputs], Tensor], inputs: StaticInputs) -> GraphModule:
    """Record every operation of ``step`` on these buffers; Python numbers become constants, as in a CUDA graph.

    Returns:
        A module that takes ``inputs.tensors()``.
    """
    step(inputs)  # constants that are made once are made here, and are no part of the graph
    return make_fx(lambda *tensors: step(StaticInputs(*tensors)))(*inputs.tensors())


def trace_functional(step: Callable[[StaticInputs], Tensor], inputs: StaticInputs) -> GraphModule:
    """:func:`trace` without operations that write into tensors they are given, which compilers do not take."""
    with torch.no_grad():
        return make_fx(functionalize(trace(step, inputs)))(*inputs.tensors())


def run_on_fake_device(graph: GraphModule, inputs: tuple[Tensor, ...], device: str) -> Tensor:
    """Run a traced graph on tensors that claim to be on ``device`` and hold nothing; there need not be such a device.

    Torch then decides for every operation what it would decide there: shapes, types, whether all tensors are in one
    place, and whether the host would have to look at a value, which is an error.

    Args:
        graph: traced on any device. Constants and the places of new tensors move to ``device``.
        inputs: in the shapes of the trace.
        device: ``"cuda"``, say.
    """
    moved = copy.deepcopy(graph)
    with FakeTensorMode() as mode, torch.no_grad():

        def fake(tensor: Tensor) -> Tensor:
            return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)

        for node in moved.graph.nodes:
            if "device" in node.kwargs:
                node.kwargs = node.kwargs | {"device": torch.device(device)}
            if node.op == "get_attr":
                constant = getattr(moved, node.target)
                if not mode.is_our_fake(constant):
                    delattr(moved, node.target)
                    setattr(moved, node.target, fake(constant))
        moved.recompile()
        return moved(*map(fake, inputs))
