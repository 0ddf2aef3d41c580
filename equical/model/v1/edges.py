"""Edges as Equiformer sees them: linear maps that multiply features by harmonics of the direction."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeList
from equical.model.bricks.radial import polynomial_envelope
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.irreps import Irreps
from equical.model.v1.product import coupling_tables
from equical.model.v1.radial import radial_basis
from equical.so3.harmonics import spherical_harmonics

__all__ = ["CoupledEdges", "CoupledGeometry"]


@dataclass(frozen=True)
class CoupledEdges(EdgeList):
    """Edges, and what they make of features.

    Attributes:
        couplings: for each degree ``[E, S, 2·degree + 1]``, the same for all channels and layers.
    """

    couplings: tuple[Tensor, ...]


class CoupledGeometry(nn.Module):
    """From edge vectors to everything that depends on them alone; differentiable in the vectors."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        self.cutoff, self.envelope = config.cutoff, config.envelope
        self.lmax = Irreps.parse(config.irreps).lmax
        self.basis = radial_basis(config)
        for degree, table in enumerate(coupling_tables(self.lmax)):
            self.register_buffer(f"table_{degree}", table, persistent=False)

    def forward(self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor) -> CoupledEdges:
        """Features of the edges of N atoms.

        Args:
            numbers: ``[N]`` atomic numbers.
            vectors: ``[E, 3]`` Å, from receiver to sender.
            sender, receiver: ``[E]`` atoms of each edge.
        """
        distance = vectors.square().sum(dim=-1).sqrt()
        harmonics = spherical_harmonics(vectors / distance[:, None], self.lmax)
        couplings = (harmonics @ getattr(self, f"table_{degree}") for degree in range(self.lmax + 1))
        return CoupledEdges(
            numbers=numbers,
            sender=sender,
            receiver=receiver,
            distance=distance,
            envelope=polynomial_envelope(distance, self.cutoff) if self.envelope else torch.ones_like(distance),
            basis=self.basis(distance),
            couplings=tuple(both.unflatten(1, (-1, 2 * degree + 1)) for degree, both in enumerate(couplings)),
        )
