"""Cutting a tensor into pieces and joining pieces: each is the other's derivative.

Torch differentiates ``cat`` into slices, and a slice into a tensor of zeros with one piece filled in. In the second
derivatives that training on forces needs, those zeros cost more than the arithmetic; tied together, the two never
allocate any.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["cut", "join", "plain_cut", "plain_join"]


class _Cut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, whole: Tensor, sizes: tuple[int, ...], dim: int) -> tuple[Tensor, ...]:
        ctx.dim = dim
        return tuple(whole.split(sizes, dim))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return _Join.apply(ctx.dim, *grads), None, None


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dim: int, *pieces: Tensor) -> Tensor:
        ctx.dim = dim
        ctx.sizes = tuple(piece.shape[dim] for piece in pieces)
        return torch.cat(pieces, dim)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        return None, *_Cut.apply(grad, ctx.sizes, ctx.dim)


def cut(whole: Tensor, sizes: Sequence[int], dim: int) -> tuple[Tensor, ...]:
    """Consecutive pieces of ``whole`` along ``dim``; like :func:`torch.split` they are views."""
    return _Cut.apply(whole, tuple(sizes), dim)


def join(pieces: Sequence[Tensor], dim: int) -> Tensor:
    """Pieces side by side along ``dim``; like :func:`torch.cat`."""
    return _Join.apply(dim, *pieces)


def plain_cut(whole: Tensor, sizes: Sequence[int], dim: int) -> tuple[Tensor, ...]:
    """:func:`cut` as torch has it."""
    return tuple(whole.split(list(sizes), dim))


def plain_join(pieces: Sequence[Tensor], dim: int) -> Tensor:
    """:func:`join` as torch has it."""
    return torch.cat(list(pieces), dim)
