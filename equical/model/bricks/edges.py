"""What every layer needs to know about the edges, computed once per structure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from equical.model.bricks.radial import GaussianBasis, polynomial_envelope
from equical.model.kernels.segment import gather
from equical.so3.frames import edge_frames
from equical.so3.wigner import EdgeRotations, edge_rotations

__all__ = ["EdgeFeatures", "Edges", "MessageFunction", "Rows", "UpdateFunction", "edge_features"]


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


MessageFunction = Callable[[tuple[Rows, ...], tuple[Rows, ...], "EdgeFeatures"], Tensor]
"""From the rows of sender and receiver of each edge to the sum of messages on each receiver."""

UpdateFunction = Callable[[Tensor], Tensor]
"""From rows of atoms to as many rows, each from its own."""


class Edges(Protocol):
    """Edges over which atoms exchange messages, all at once or a few at a time."""

    @property
    def numbers(self) -> Tensor:
        """``[N]`` atomic numbers."""

    def exchange(self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]) -> Tensor:
        """Let atoms exchange messages.

        Args:
            messages: what happens on edges, summed over the edges of each receiver.
            senders: ``[N, ...]`` each, of which every edge reads its sender's row.
            receivers: the same for receivers.

        Returns:
            ``[N, ...]`` what ``messages`` returns.
        """

    def update(self, function: UpdateFunction, x: Tensor) -> Tensor:
        """Apply a function of each atom alone to the rows of ``x [N, ...]``."""


@dataclass(frozen=True)
class EdgeFeatures:
    """Geometry of E edges between N atoms.

    Attributes:
        numbers: ``[N]`` atomic numbers.
        sender, receiver: ``[E]`` atoms j and i of the edge j → i.
        distance: ``[E]`` Å.
        envelope: ``[E]`` smooth cutoff, zero at and beyond the cutoff; ones if the model has none.
        basis: ``[E, num_radial]`` Gaussians of the distance.
        rotations: between the coefficients of atoms and those of edges.
        streamed: whether what is wide may pass a few edges at a time: derivatives in the positions alone, once.
    """

    numbers: Tensor
    sender: Tensor
    receiver: Tensor
    distance: Tensor
    envelope: Tensor
    basis: Tensor
    rotations: EdgeRotations
    streamed: bool = field(default=False, kw_only=True)

    @property
    def num_atoms(self) -> int:
        return self.numbers.shape[0]

    def exchange(self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]) -> Tensor:
        """See :meth:`Edges.exchange`."""
        of_senders = tuple(Rows(values, self.sender) for values in senders)
        of_receivers = tuple(Rows(values, self.receiver) for values in receivers)
        return messages(of_senders, of_receivers, self)

    def update(self, function: UpdateFunction, x: Tensor) -> Tensor:
        """See :meth:`Edges.update`."""
        return function(x)


def edge_features(
    numbers: Tensor,
    vectors: Tensor,
    sender: Tensor,
    receiver: Tensor,
    *,
    basis: GaussianBasis,
    cutoff: float,
    lmax: int,
    mmax: int,
    envelope: bool,
    streamed: bool = False,
) -> EdgeFeatures:
    """Edge features from edge vectors ``[E, 3]`` (Å, from receiver to sender); differentiable in the vectors."""
    distance = vectors.square().sum(dim=-1).sqrt()
    direction = vectors / distance[:, None]
    return EdgeFeatures(
        numbers=numbers,
        sender=sender,
        receiver=receiver,
        distance=distance,
        envelope=polynomial_envelope(distance, cutoff) if envelope else torch.ones_like(distance),
        basis=basis(distance),
        rotations=edge_rotations(edge_frames(direction), lmax, mmax),
        streamed=streamed,
    )
