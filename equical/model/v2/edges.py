"""Edges as EquiformerV2 sees them: no envelope, and the vectors themselves for the stress head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeFeatures
from equical.model.bricks.radial import GaussianBasis
from equical.so3.frames import azimuthal_frames
from equical.so3.wigner import edge_rotations

__all__ = ["VectorEdges", "VectorGeometry"]


@dataclass(frozen=True)
class VectorEdges(EdgeFeatures):
    """Edge features and, for each edge, where it points.

    Attributes:
        direction: ``[E, 3]`` unit vector from receiver to sender.
    """

    direction: Tensor


class VectorGeometry(nn.Module):
    """:class:`.EdgeGeometry` of EquiformerV2, in the frames that its networks were trained in.

    Args:
        cutoff: Å.
        num_radial: Gaussians between zero and the cutoff.
        lmax: highest degree of features on atoms.
        mmax: highest order kept on edges.
    """

    def __init__(self, cutoff: float, num_radial: int, lmax: int, mmax: int):
        super().__init__()
        self.lmax, self.mmax = lmax, mmax
        self.basis = GaussianBasis(cutoff, num_radial)

    def forward(self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor) -> VectorEdges:
        """Edge features from edge vectors ``[E, 3]`` (Å, from receiver to sender)."""
        distance = vectors.square().sum(dim=-1).sqrt()
        direction = vectors / distance[:, None]
        return VectorEdges(
            numbers=numbers,
            sender=sender,
            receiver=receiver,
            distance=distance,
            envelope=torch.ones_like(distance),
            basis=self.basis(distance),
            rotations=edge_rotations(azimuthal_frames(direction), self.lmax, self.mmax),
            direction=direction,
        )
