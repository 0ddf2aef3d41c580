"""Edges as EquiformerV2 sees them: no envelope, and the vectors themselves for the stress head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from equical.model.bricks.edges import EdgeFeatures
from equical.model.bricks.radial import GaussianBasis
from equical.so3.frames import azimuthal_frames
from equical.so3.wigner import edge_rotations

__all__ = ["VectorEdges", "vector_edges"]


@dataclass(frozen=True)
class VectorEdges(EdgeFeatures):
    """Edge features and, for each edge, where it points.

    Attributes:
        direction: ``[E, 3]`` unit vector from receiver to sender.
    """

    direction: Tensor


def vector_edges(
    numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor, *, basis: GaussianBasis, lmax: int, mmax: int
) -> VectorEdges:
    """Edge features from edge vectors ``[E, 3]`` (Å, from receiver to sender)."""
    distance = vectors.square().sum(dim=-1).sqrt()
    direction = vectors / distance[:, None]
    return VectorEdges(
        numbers=numbers,
        sender=sender,
        receiver=receiver,
        distance=distance,
        envelope=torch.ones_like(distance),
        basis=basis(distance),
        rotations=edge_rotations(azimuthal_frames(direction), lmax, mmax),
        direction=direction,
    )
