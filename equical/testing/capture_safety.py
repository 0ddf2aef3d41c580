"""Which tensor operations can be part of a CUDA graph, decided without a GPU.

A graph replays kernels on the addresses, shapes and Python numbers of its capture. What makes the host look at values
on the device, or copies from the host, breaks the capture or, worse, goes stale unnoticed. No tracer sees everything:
some operations wait for the device inside their kernels. So there is a list of operations whose CUDA kernels are known
to be safe, and everything else is refused, with a reason where there is a well-known one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import GraphModule
from torch.utils._python_dispatch import TorchDispatchMode

from equical.inference.memory import tensors_in

__all__ = ["ALLOWED", "OperationCheck", "complaint", "unsafe_nodes", "unsafe_operations"]

VIEWS = """
    _unsafe_view.default alias.default detach.default expand.default permute.default select.int slice.Tensor
    split.Tensor split_with_sizes.default squeeze.dim t.default transpose.int unbind.int unsqueeze.default
    view.default
"""
NEW_TENSORS = """
    _to_copy.default arange.default clone.default copy_.default empty_like.default fill_.Scalar full.default
    full_like.default new_empty.default new_ones.default new_zeros.default ones.default ones_like.default
    scalar_tensor.default zero_.default zeros.default zeros_like.default
"""
ELEMENTWISE = """
    abs.default add.Scalar add.Tensor addcmul_.default bitwise_and.Tensor bitwise_not.default clamp.default div.Scalar
    div.Tensor eq.Scalar eq.Tensor exp.default ge.Scalar gt.Scalar hypot.default le.Scalar le.Tensor lt.Scalar
    lt.Tensor mul.Scalar mul.Tensor mul.out mul_.Tensor neg.default pow.Tensor_Scalar pow.Tensor_Tensor
    reciprocal.default rsqrt.default rsub.Scalar sigmoid.default sigmoid_backward.default silu.default silu_.default
    silu_backward.default sqrt.default sub.Tensor sub_.Tensor where.self
"""
PRODUCTS_AND_SUMS = """
    addmm.default amax.default amin.default bmm.default cumsum.default linalg_cross.default mean.dim mm.default
    native_layer_norm.default native_layer_norm_backward.default sum.default sum.dim_IntList
"""
MOVES = """
    cat.default constant_pad_nd.default diag_embed.default diagonal.default embedding.default index.Tensor
    index_select.default scatter_.src scatter_add_.default scatter_reduce_.two select_backward.default
    slice_backward.default stack.default
"""
TRAINING = """
    _foreach_add_.Scalar _foreach_mul_.Tensor _foreach_norm.Scalar _fused_adamw_.tensor_lr add_.Tensor
    diagonal_backward.default div_.Scalar embedding_dense_backward.default index_add.default lerp_.Tensor
    linalg_vector_norm.default mul_.Scalar new_empty_strided.default sgn.default
"""
"""What gradients in the weights, clipping, the optimiser and averages of weights need besides."""

MARKS = frozenset({"profiler._record_function_enter_new.default", "profiler._record_function_exit._RecordFunction"})
"""Names for a profiler: no work for the device."""

ALLOWED = MARKS | frozenset(
    f"aten.{name}" for name in " ".join((VIEWS, NEW_TENSORS, ELEMENTWISE, PRODUCTS_AND_SUMS, MOVES, TRAINING)).split()
)
"""Overloads whose CUDA kernels neither wait for the device nor read from the host."""

REASONS = {
    "_local_scalar_dense": "the host waits for a value",
    "equal": "the host waits for a value",
    "is_nonzero": "the host waits for a value",
    "nonzero": "the shape depends on values",
    "masked_select": "the shape depends on values",
    "unique_dim": "the shape depends on values",
    "_unique": "the shape depends on values",
    "_unique2": "the shape depends on values",
    "repeat_interleave": "the shape depends on values",
    "bincount": "the kernel waits to learn the shape of its result",
    "segment_reduce": "the kernel looks at the lengths on the host",
    "lift_fresh": "Python numbers are copied to the device",
    "lift_fresh_copy": "Python numbers are copied to the device",
    "_linalg_check_errors": "the host waits for an error code",
    "_assert_async": "a failure would break the device for the whole process",
    "rand": "random numbers would repeat",
    "randn": "random numbers would repeat",
    "rand_like": "random numbers would repeat",
    "randn_like": "random numbers would repeat",
    "randint": "random numbers would repeat",
    "bernoulli": "random numbers would repeat",
    "bernoulli_": "random numbers would repeat",
    "native_dropout": "random numbers would repeat",
    "uniform_": "random numbers would repeat",
    "normal_": "random numbers would repeat",
}


def complaint(operation: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], device: torch.device) -> str | None:
    """Why an operation must not be part of a graph on ``device``; None if it may be.

    Args:
        operation: of the aten namespace.
        args: positional arguments, tensors or what stands for them.
        kwargs: keyword arguments.
        device: where everything should happen.
    """
    name, packet = str(operation), operation.overloadpacket.__name__
    if name not in ALLOWED:
        return f"{name}: {REASONS.get(packet, 'not known to be safe')}"
    where = kwargs.get("device")
    if where is not None and torch.device(where).type != device.type:
        return f"{name}: makes a tensor on {where}"
    if packet == "index" and any(index.dtype in (torch.bool, torch.uint8) for index in tensors_in(args[1])):
        return f"{name}: with a mask, the shape depends on values"
    for tensor in tensors_in([*args, *kwargs.values()]):
        if tensor.device.type != device.type:
            return f"{name}: reads a tensor on {tensor.device}"
    return None


class OperationCheck(TorchDispatchMode):
    """Within this block, operations that must not be part of a graph on ``device`` are noted; they still happen.

    Attributes:
        complaints: why, in the order of appearance, each once.
    """

    def __init__(self, device: torch.device | str):
        super().__init__()
        self.device = torch.device(device)
        self.complaints: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Judge one operation, and let it happen."""
        kwargs = kwargs or {}
        found = complaint(func, args, kwargs, self.device)
        if found is not None and found not in self.complaints:
            self.complaints.append(found)
        return func(*args, **kwargs)


def unsafe_operations(function: Callable[..., Any], *tensors: Tensor) -> list[str]:
    """Complaints about all operations of ``function(*tensors)``, those of its derivatives included.

    Two devices see different things, so look at both. On ``meta`` no value can be looked at, which would be an error
    and counts as a complaint, and what is made on the host by mistake is elsewhere; but numbers from Python are no
    copy. On ``cpu`` they are.
    """
    with OperationCheck(tensors[0].device) as check:
        try:
            function(*tensors)
        except (RuntimeError, NotImplementedError) as error:
            if "meta" not in str(error).lower():
                raise
            check.complaints.append(" ".join(str(error).split())[:200])
    return check.complaints


def unsafe_nodes(graph: GraphModule, device: torch.device | str) -> list[str]:
    """Complaints about the operations of a traced graph."""
    found = []
    for node in graph.graph.nodes:
        if isinstance(node.target, OpOverload):
            values = torch.fx.node.map_arg((node.args, node.kwargs), lambda other: other.meta.get("val", other))
            found.append(complaint(node.target, *values, torch.device(device)))
    return list(dict.fromkeys(text for text in found if text is not None))
