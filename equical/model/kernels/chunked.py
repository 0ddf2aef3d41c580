"""Messages a few thousand edges at a time, so that large structures fit.

A message needs thousands of numbers for each edge, and the derivative needs them all again. Chunks end where a
receiver's edges end, so each yields finished sums, and a softmax over a receiver's edges stays inside. Nothing of a
chunk is kept for the derivative: it is evaluated once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equical.model.kernels.segment import Rows

__all__ = ["ChunkFunction", "EdgeChunk", "chunked_messages", "chunked_update", "divide_edges", "plain_messages"]


@dataclass(frozen=True)
class EdgeChunk:
    """Consecutive receivers and all of their edges.

    Attributes:
        edges: which edges of all.
        atoms: which atoms receive them.
        sender: ``[e]`` which atom of all sends each.
        receiver: ``[e]`` which of the chunk's own atoms receives each.
    """

    edges: slice
    atoms: slice
    sender: Tensor
    receiver: Tensor


ChunkFunction = Callable[[EdgeChunk, Tensor, tuple[Rows, ...], tuple[Rows, ...]], Tensor]
"""(chunk, vectors of its edges, rows of senders, rows of receivers) → messages summed on the atoms of the chunk."""


def divide_edges(sender: Tensor, receiver: Tensor, atoms: int, most: int) -> tuple[EdgeChunk, ...]:
    """Divide edges ``[E]``, sorted by receiver, at receivers; waits for the device.

    Args:
        sender, receiver: ``[E]`` of each edge.
        atoms: number of atoms N.
        most: edges of a chunk; a receiver with more of them has a chunk of its own.

    Returns:
        Chunks in ascending order of receivers, together all edges and all atoms.
    """
    ends = torch.bincount(receiver, minlength=atoms).cumsum(0).tolist()
    chunks, first_atom, first_edge = [], 0, 0
    for atom, end in enumerate(ends):
        last = atom + 1 == len(ends)
        if last or ends[atom + 1] - first_edge > most:
            edges, own = slice(first_edge, end), slice(first_atom, atom + 1)
            chunks.append(EdgeChunk(edges, own, sender[edges], receiver[edges] - first_atom))
            first_atom, first_edge = atom + 1, end
    return tuple(chunks)


class _Messages(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, function: ChunkFunction, chunks: Sequence[EdgeChunk], n: int, vectors: Tensor, *nodes: Tensor
    ) -> Tensor:
        ctx.function, ctx.chunks, ctx.n = function, chunks, n
        ctx.save_for_backward(vectors, *nodes)
        return torch.cat([_evaluate(function, chunk, n, _inputs(chunk, n, vectors, nodes)) for chunk in chunks])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        vectors, *nodes = ctx.saved_tensors
        wanted = ctx.needs_input_grad[3:]
        tensors = zip((vectors, *nodes), wanted, strict=True)
        totals = [torch.zeros_like(tensor) if want else None for tensor, want in tensors]
        for chunk in ctx.chunks:
            inputs = _inputs(chunk, ctx.n, vectors, nodes)
            inputs = [tensor.detach().requires_grad_(want) for tensor, want in zip(inputs, wanted, strict=True)]
            with torch.enable_grad():
                result = _evaluate(ctx.function, chunk, ctx.n, inputs)
            found = iter(torch.autograd.grad(result, [i for i in inputs if i.requires_grad], grad[chunk.atoms]))
            for position, total in enumerate(totals):
                if total is not None:
                    _collect(total, next(found), position, ctx.n, chunk)
        return None, None, None, *totals


def _inputs(chunk: EdgeChunk, n: int, vectors: Tensor, nodes: Sequence[Tensor]) -> list[Tensor]:
    """What a chunk reads, copied out: its vectors, and a row for each edge from ``n`` tensors of senders and those of
    receivers. The derivative is taken in these copies."""
    senders = [tensor.index_select(0, chunk.sender) for tensor in nodes[:n]]
    receivers = [tensor[chunk.atoms].index_select(0, chunk.receiver) for tensor in nodes[n:]]
    return [vectors[chunk.edges], *senders, *receivers]


def _evaluate(function: ChunkFunction, chunk: EdgeChunk, n: int, inputs: Sequence[Tensor]) -> Tensor:
    vectors, *rows = inputs
    index = torch.arange(len(vectors), device=vectors.device)
    of_edges = tuple(Rows(values, index) for values in rows)
    return function(chunk, vectors, of_edges[:n], of_edges[n:])


def _collect(total: Tensor, grad: Tensor, position: int, n: int, chunk: EdgeChunk) -> None:
    """Add the gradient of one input of a chunk to that of all edges (position 0) or atoms."""
    if position == 0:
        total[chunk.edges] = grad
        return
    index = chunk.sender if position <= n else chunk.receiver
    target = total if position <= n else total[chunk.atoms]
    flat = grad.flatten(1)
    target.flatten(1).scatter_add_(0, index[:, None].expand_as(flat), flat)  # a view: the target is contiguous


def chunked_messages(
    function: ChunkFunction,
    chunks: Sequence[EdgeChunk],
    vectors: Tensor,
    senders: Sequence[Tensor],
    receivers: Sequence[Tensor],
) -> Tensor:
    """Messages of all edges, a chunk at a time.

    Args:
        function: sums the messages of a chunk on its atoms.
        chunks: see :func:`divide_edges`.
        vectors: ``[E, 3]`` of the edges.
        senders: ``[N, ...]`` each, of which every edge reads its sender's row.
        receivers: the same for receivers.

    Returns:
        ``[N, ...]`` what ``function`` returns.
    """
    return _Messages.apply(function, chunks, len(senders), vectors, *senders, *receivers)


def plain_messages(
    function: ChunkFunction,
    chunks: Sequence[EdgeChunk],
    vectors: Tensor,
    senders: Sequence[Tensor],
    receivers: Sequence[Tensor],
) -> Tensor:
    """:func:`chunked_messages` with everything kept for the derivative."""
    nodes = [*senders, *receivers]
    inputs = [(chunk, _inputs(chunk, len(senders), vectors, nodes)) for chunk in chunks]
    return torch.cat([_evaluate(function, chunk, len(senders), of_chunk) for chunk, of_chunk in inputs])


class _Update(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[[Tensor], Tensor], x: Tensor, most: int) -> Tensor:
        ctx.function, ctx.most = function, most
        ctx.save_for_backward(x)
        return torch.cat([function(rows) for rows in x.split(most)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        (x,) = ctx.saved_tensors
        total = torch.empty_like(x)
        for part, wanted, found in zip(*(tensor.split(ctx.most) for tensor in (x, grad, total)), strict=True):
            rows = part.detach().requires_grad_()
            with torch.enable_grad():
                result = ctx.function(rows)
            found.copy_(torch.autograd.grad(result, rows, wanted)[0])
        return None, total, None


def chunked_update(function: Callable[[Tensor], Tensor], x: Tensor, most: int) -> Tensor:
    """A function of each row alone, applied to at most ``most`` rows of ``x [N, ...]`` at a time."""
    return _Update.apply(function, x, most)
