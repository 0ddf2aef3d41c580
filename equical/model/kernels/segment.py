"""Reading rows by index and summing rows by index: each is the other's derivative.

Torch differentiates ``index_select`` into ``index_add_``, which is several times slower on a CPU than ``scatter_add_``
with an expanded index. Tying the two operations together makes both directions, and their second derivatives, fast.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Rows", "gather", "plain_gather", "plain_segment_sum", "segment_max", "segment_sum"]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = values.shape[0]
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return _SegmentSum.apply(grad, ctx.saved_tensors[0], ctx.rows), None


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, rows: int) -> Tensor:
        ctx.save_for_backward(index)
        flat = values.flatten(1)
        total = flat.new_zeros(rows, flat.shape[1])
        total.scatter_add_(0, index[:, None].expand_as(flat), flat)
        return total.view(rows, *values.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return _Gather.apply(grad, ctx.saved_tensors[0]), None, None


def gather(values: Tensor, index: Tensor) -> Tensor:
    """Rows of ``values [N, ...]`` picked by ``index [E]``: ``[E, ...]``."""
    return _Gather.apply(values, index)


def plain_gather(values: Tensor, index: Tensor) -> Tensor:
    """:func:`gather` as torch has it."""
    return values[index]


def segment_sum(values: Tensor, index: Tensor, rows: int) -> Tensor:
    """Sum of the rows of ``values [E, ...]`` that share an ``index [E]``: ``[rows, ...]``, zero where none do."""
    return _SegmentSum.apply(values, index, rows)


def plain_segment_sum(values: Tensor, index: Tensor, rows: int) -> Tensor:
    """:func:`segment_sum` as torch has it."""
    return values.new_zeros(rows, *values.shape[1:]).index_add(0, index, values)


def segment_max(values: Tensor, index: Tensor, rows: int) -> Tensor:
    """Largest of the rows of ``values [E, H]`` that share an index, treated as a constant in differentiation."""
    values = values.detach()
    largest = torch.full((rows, values.shape[1]), -torch.inf, dtype=values.dtype, device=values.device)
    return largest.scatter_reduce_(0, index[:, None].expand_as(values), values, "amax")


@dataclass(frozen=True)
class Rows:
    """A row for each edge: that of one of its atoms.

    Attributes:
        values: ``[N, ...]`` of atoms.
        index: ``[E]`` which atom.
    """

    values: Tensor
    index: Tensor

    def read(self) -> Tensor:
        """``[E, ...]``."""
        return gather(self.values, self.index)
