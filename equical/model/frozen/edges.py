"""The edges of large structures in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from equical.model.bricks.edges import Edges, MessageFunction, UpdateFunction
from equical.model.kernels.chunked import EdgeChunk, chunked_messages, chunked_update, divide_edges
from equical.model.kernels.segment import Rows

__all__ = ["CHUNK_ATOMS", "CHUNK_EDGES", "ChunkedEdges", "ChunkedGeometry"]

CHUNK_EDGES = 8192
"""Edges evaluated together. Fewer would fit the cache better, but then the time between operations shows."""

CHUNK_ATOMS = 512
"""Atoms updated together, of a structure whose edges are in chunks."""


@dataclass(frozen=True)
class ChunkedEdges:
    """Edges of N atoms in chunks; passes messages like :class:`.EdgeFeatures`, once differentiable.

    Attributes:
        numbers: ``[N]`` atomic numbers.
        vectors: ``[E, 3]`` Å, from receiver to sender.
        chunks: in ascending order of receivers, together all edges and all atoms.
        geometry: what a chunk needs to know of its edges.
    """

    numbers: Tensor
    vectors: Tensor
    chunks: tuple[EdgeChunk, ...]
    geometry: nn.Module

    def message_pass(
        self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]
    ) -> Tensor:
        """See :meth:`.Edges.message_pass`."""

        def of_chunk(
            chunk: EdgeChunk, vectors: Tensor, senders: tuple[Rows, ...], receivers: tuple[Rows, ...]
        ) -> Tensor:
            features = self.geometry(self.numbers[chunk.atoms], vectors, chunk.sender, chunk.receiver)
            return messages(senders, receivers, features)

        return chunked_messages(of_chunk, self.chunks, self.vectors, senders, receivers)

    def update(self, function: UpdateFunction, x: Tensor) -> Tensor:
        """See :meth:`.Edges.update`."""
        return chunked_update(function, x, CHUNK_ATOMS)


class ChunkedGeometry(nn.Module):
    """Twin of :class:`.EdgeGeometry`, or of another network's, that divides the edges where there are many.

    Args:
        plain: what makes the features of a chunk.
    """

    def __init__(self, plain: nn.Module):
        super().__init__()
        self.plain = plain

    def forward(self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor) -> Edges:
        """See :meth:`.EdgeGeometry.forward`."""
        if len(vectors) <= CHUNK_EDGES:
            return self.plain(numbers, vectors, sender, receiver)
        chunks = divide_edges(sender, receiver, len(numbers), CHUNK_EDGES)
        return ChunkedEdges(numbers, vectors, chunks, self.plain)
