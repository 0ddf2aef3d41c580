"""Edges a few at a time, so that large structures fit.

A message needs thousands of numbers for each edge, and the derivative needs them all again. Chunks end where a
receiver's edges end, so each yields finished sums, and the softmax over a receiver's edges stays inside. Nothing of a
chunk is kept for the derivative: it is evaluated once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equical.model.bricks.edges import EdgeFeatures, MessageFunction, Rows, UpdateFunction

__all__ = ["CHUNK_ATOMS", "CHUNK_EDGES", "ChunkedEdges", "chunk_edges"]

CHUNK_EDGES = 8192
"""Edges evaluated together; a receiver with more of them has a chunk of its own.

Fewer would fit the cache better, but then the time between operations shows.
"""

CHUNK_ATOMS = 512
"""Atoms updated together, of a structure whose edges are in chunks."""

FeatureFunction = Callable[[Tensor, Tensor, Tensor, Tensor], EdgeFeatures]
"""(numbers, vectors, sender, receiver) → edge features."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive receivers and all of their edges."""

    edges: slice
    atoms: slice
    sender: Tensor
    receiver: Tensor


@dataclass(frozen=True)
class ChunkedEdges:
    """Edges of N atoms in chunks; exchanges messages like :class:`EdgeFeatures`, once differentiable.

    Attributes:
        numbers: ``[N]`` atomic numbers.
        vectors: ``[E, 3]`` Å, from receiver to sender.
        chunks: in ascending order of receivers, together all edges and all atoms.
        features: what a chunk needs to know of its edges.
    """

    numbers: Tensor
    vectors: Tensor
    chunks: tuple[Chunk, ...]
    features: FeatureFunction

    def exchange(self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]) -> Tensor:
        """See :meth:`Edges.exchange`."""
        return _Exchange.apply(self, messages, len(senders), self.vectors, *senders, *receivers)

    def update(self, function: UpdateFunction, x: Tensor) -> Tensor:
        """See :meth:`Edges.update`."""
        return _Update.apply(function, x)

    def evaluate(self, chunk: Chunk, messages: MessageFunction, vectors: Tensor, rows: list[Tensor], n: int) -> Tensor:
        """Messages of one chunk; ``rows`` has one row for each edge, from ``n`` tensors of senders, then receivers."""
        edges = self.features(self.numbers[chunk.atoms], vectors, chunk.sender, chunk.receiver)
        index = torch.arange(len(vectors), device=vectors.device)
        of_edges = tuple(Rows(values, index) for values in rows)
        return messages(of_edges[:n], of_edges[n:], edges)


class _Exchange(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edges: ChunkedEdges, messages: MessageFunction, n: int, *tensors: Tensor) -> Tensor:
        ctx.edges, ctx.messages, ctx.n = edges, messages, n
        ctx.save_for_backward(*tensors)
        vectors, *nodes = tensors
        sums = [
            edges.evaluate(chunk, messages, vectors[chunk.edges], _rows(nodes, n, chunk), n) for chunk in edges.chunks
        ]
        return torch.cat(sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        vectors, *nodes = ctx.saved_tensors
        edges, n = ctx.edges, ctx.n
        wanted = ctx.needs_input_grad[3:]
        tensors = zip((vectors, *nodes), wanted, strict=True)
        totals = [torch.zeros_like(tensor) if want else None for tensor, want in tensors]
        for chunk in edges.chunks:
            inputs = [vectors[chunk.edges], *_rows(nodes, n, chunk)]
            inputs = [tensor.detach().requires_grad_(want) for tensor, want in zip(inputs, wanted, strict=True)]
            with torch.enable_grad():
                result = edges.evaluate(chunk, ctx.messages, inputs[0], inputs[1:], n)
            found = iter(torch.autograd.grad(result, [i for i in inputs if i.requires_grad], grad[chunk.atoms]))
            for position, total in enumerate(totals):
                if total is not None:
                    _collect(total, next(found), position, n, chunk)
        return None, None, None, *totals


class _Update(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: UpdateFunction, x: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(x)
        return torch.cat([function(rows) for rows in x.split(CHUNK_ATOMS)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        (x,) = ctx.saved_tensors
        total = torch.empty_like(x)
        for part, wanted, found in zip(*(tensor.split(CHUNK_ATOMS) for tensor in (x, grad, total)), strict=True):
            rows = part.detach().requires_grad_()
            with torch.enable_grad():
                result = ctx.function(rows)
            found.copy_(torch.autograd.grad(result, rows, wanted)[0])
        return None, total


def _rows(nodes: list[Tensor], n: int, chunk: Chunk) -> list[Tensor]:
    """Rows of the sender and receiver of each edge of a chunk."""
    senders = [tensor.index_select(0, chunk.sender) for tensor in nodes[:n]]
    return senders + [tensor[chunk.atoms].index_select(0, chunk.receiver) for tensor in nodes[n:]]


def _collect(total: Tensor, grad: Tensor, position: int, n: int, chunk: Chunk) -> None:
    """Add the gradient of one input of a chunk to that of all edges (position 0) or atoms."""
    if position == 0:
        total[chunk.edges] = grad
        return
    index = chunk.sender if position <= n else chunk.receiver
    target = total if position <= n else total[chunk.atoms]
    flat = grad.reshape(len(grad), -1)
    target.view(len(target), -1).scatter_add_(0, index[:, None].expand_as(flat), flat)


def chunk_edges(
    numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor, features: FeatureFunction
) -> ChunkedEdges:
    """Divide edges ``[E]``, sorted by receiver, at receivers."""
    degrees = torch.bincount(receiver, minlength=len(numbers))
    ends = degrees.cumsum(0).tolist()
    chunks, first_atom, first_edge = [], 0, 0
    for atom, end in enumerate(ends):
        last = atom + 1 == len(ends)
        if last or ends[atom + 1] - first_edge > CHUNK_EDGES:
            edges, atoms = slice(first_edge, end), slice(first_atom, atom + 1)
            chunks.append(Chunk(edges, atoms, sender[edges], receiver[edges] - first_atom))
            first_atom, first_edge = atom + 1, end
    return ChunkedEdges(numbers, vectors, tuple(chunks), features)
