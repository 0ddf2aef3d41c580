"""What every layer needs to know about the edges, computed once per structure."""

from dataclasses import dataclass

import torch
from torch import Tensor

from equical.model.radial import GaussianBasis, polynomial_envelope
from equical.so3.frames import edge_frames
from equical.so3.wigner import EdgeRotations, edge_rotations

__all__ = ["EdgeFeatures", "edge_features"]


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
    """

    numbers: Tensor
    sender: Tensor
    receiver: Tensor
    distance: Tensor
    envelope: Tensor
    basis: Tensor
    rotations: EdgeRotations

    @property
    def num_atoms(self) -> int:
        return self.numbers.shape[0]


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
    )
