"""What every layer needs to know about the edges, and how atoms pass messages along them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from equical.model.bricks.radial import GaussianBasis, polynomial_envelope
from equical.model.kernels.segment import Rows
from equical.so3.frames import edge_frames
from equical.so3.wigner import EdgeRotations, edge_rotations

__all__ = ["EdgeFeatures", "EdgeGeometry", "EdgeList", "Edges", "MessageFunction", "UpdateFunction"]


MessageFunction = Callable[[tuple[Rows, ...], tuple[Rows, ...], Any], Tensor]
"""From the rows of sender and receiver of each edge, and its features, to the sum of messages on each receiver."""

UpdateFunction = Callable[[Tensor], Tensor]
"""From rows of atoms to as many rows, each from its own."""


class Edges(Protocol):
    """Edges along which atoms pass messages."""

    @property
    def numbers(self) -> Tensor:
        """``[N]`` atomic numbers."""

    def message_pass(
        self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]
    ) -> Tensor:
        """Let every atom receive messages from its neighbours.

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
class EdgeList:
    """E edges between N atoms, without what a network makes of their directions.

    Attributes:
        numbers: ``[N]`` atomic numbers.
        sender, receiver: ``[E]`` atoms j and i of the edge j → i.
        distance: ``[E]`` Å.
        envelope: ``[E]`` smooth cutoff, zero at and beyond the cutoff; ones if the model has none.
        basis: ``[E, num_radial]`` functions of the distance.
    """

    numbers: Tensor
    sender: Tensor
    receiver: Tensor
    distance: Tensor
    envelope: Tensor
    basis: Tensor

    @property
    def num_atoms(self) -> int:
        return self.numbers.shape[0]

    def message_pass(
        self, messages: MessageFunction, senders: tuple[Tensor, ...], receivers: tuple[Tensor, ...]
    ) -> Tensor:
        """See :meth:`Edges.message_pass`."""
        of_senders = tuple(Rows(values, self.sender) for values in senders)
        of_receivers = tuple(Rows(values, self.receiver) for values in receivers)
        return messages(of_senders, of_receivers, self)

    def update(self, function: UpdateFunction, x: Tensor) -> Tensor:
        """See :meth:`Edges.update`."""
        return function(x)


@dataclass(frozen=True)
class EdgeFeatures(EdgeList):
    """Edges with frames of their own.

    Attributes:
        rotations: between the coefficients of atoms and those of edges.
    """

    rotations: EdgeRotations


class EdgeGeometry(nn.Module):
    """From edge vectors to everything that depends on them alone; differentiable in the vectors.

    Args:
        cutoff: Å.
        num_radial: Gaussians between zero and the cutoff.
        lmax: highest degree of features on atoms.
        mmax: highest order kept on edges.
        envelope: whether the model has a smooth cutoff.
    """

    def __init__(self, cutoff: float, num_radial: int, lmax: int, mmax: int, *, envelope: bool):
        super().__init__()
        self.cutoff, self.lmax, self.mmax, self.envelope = cutoff, lmax, mmax, envelope
        self.basis = GaussianBasis(cutoff, num_radial)

    def forward(self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor) -> EdgeFeatures:
        """Features of the edges of N atoms.

        Args:
            numbers: ``[N]`` atomic numbers.
            vectors: ``[E, 3]`` Å, from receiver to sender.
            sender, receiver: ``[E]`` atoms of each edge.
        """
        distance = vectors.square().sum(dim=-1).sqrt()
        direction = vectors / distance[:, None]
        return EdgeFeatures(
            numbers=numbers,
            sender=sender,
            receiver=receiver,
            distance=distance,
            envelope=polynomial_envelope(distance, self.cutoff) if self.envelope else torch.ones_like(distance),
            basis=self.basis(distance),
            rotations=edge_rotations(edge_frames(direction), self.lmax, self.mmax),
        )
