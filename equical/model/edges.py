"""What every layer needs to know about the edges, computed once per structure."""

from dataclasses import dataclass

import torch
from torch import Tensor

from equical.model.radial import GaussianBasis, polynomial_envelope
from equical.so3.coefficients import degree_of, edge_rescale
from equical.so3.frames import edge_frames
from equical.so3.harmonics import spherical_harmonics
from equical.so3.wigner import edge_wigner

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
        harmonics: ``[E, (lmax + 1)²]`` what the m = 0 coefficients of an edge become on atoms, per unit of coefficient.
        into_frame: ``[E, S, (lmax + 1)²]`` from atoms' coefficients to the edge's.
        out_of_frame: ``[E, (lmax + 1)², S]`` the way back, making up for dropped orders.
    """

    numbers: Tensor
    sender: Tensor
    receiver: Tensor
    distance: Tensor
    envelope: Tensor
    basis: Tensor
    harmonics: Tensor
    into_frame: Tensor
    out_of_frame: Tensor

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
    into_frame = edge_wigner(edge_frames(direction), lmax, mmax)
    rescale = torch.tensor(edge_rescale(lmax, mmax), dtype=vectors.dtype, device=vectors.device)
    # Rotating (l, 0) out of the edge frame gives Y_lm(u)/√(2l+1); no Wigner matrix is needed for it.
    per_degree = [1 / (2 * min(degree, mmax) + 1) ** 0.5 for degree in degree_of(lmax)]
    harmonics = spherical_harmonics(direction, lmax) * vectors.new_tensor(per_degree)
    return EdgeFeatures(
        numbers=numbers,
        sender=sender,
        receiver=receiver,
        distance=distance,
        envelope=polynomial_envelope(distance, cutoff) if envelope else torch.ones_like(distance),
        basis=basis(distance),
        harmonics=harmonics,
        into_frame=into_frame,
        out_of_frame=(into_frame * rescale[:, None]).transpose(1, 2),
    )
