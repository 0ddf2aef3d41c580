"""What EquiformerV2 reads off the final features besides the energy: vectors and stresses."""

from math import pi, sqrt

import torch
from torch import Tensor, nn

from equical.model.kernels.segment import gather, segment_sum
from equical.model.v2.attention import GraphAttention
from equical.model.v2.config import EquiformerV2Config
from equical.model.v2.edges import VectorEdges
from equical.model.v2.norm import SeparableLayerNorm
from equical.so3.coefficients import degree_of
from equical.so3.harmonics import spherical_harmonics
from equical.so3.tensors import symmetric_tensor_basis

__all__ = ["StressHead", "VectorHead"]


class VectorHead(nn.Module):
    """A vector on each atom from one more attention: forces, or the noise of a DeNS model."""

    def __init__(self, config: EquiformerV2Config):
        super().__init__()
        self.attention = GraphAttention(config, 1)

    def forward(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, 3]`` along x, y, z."""
        return self.attention(x, edges)[:, 1:4, 0]


class StressHead(nn.Module):
    """A symmetric tensor on each atom, whose mean over a structure is its stress.

    Reproduced as published, with a defect: the five anisotropic components pass a network with biases and SiLU one by
    one, so they do not turn with the crystal.
    """

    degrees: Tensor
    basis: Tensor

    def __init__(self, config: EquiformerV2Config):
        super().__init__()
        self.lmax, self.both_atoms = config.lmax, config.stress == "both"
        width = config.channels * (2 if self.both_atoms else 1)
        self.harmonics_norm = SeparableLayerNorm(config.lmax, 1)
        self.edge_norm = nn.LayerNorm(width)
        self.isotropic_mlp = _mlp(width, config.stress_layers)
        self.anisotropic_mlp = _mlp(width, config.stress_layers)
        self.register_buffer("degrees", torch.tensor(degree_of(config.lmax)), persistent=False)
        self.register_buffer("basis", symmetric_tensor_basis()[[0, 4, 5, 6, 7, 8]], persistent=False)

    def forward(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, 3, 3]``."""
        harmonics = spherical_harmonics(edges.direction, self.lmax) / sqrt(4 * pi)
        solid = harmonics * edges.distance[:, None] ** self.degrees
        weights = self.harmonics_norm(solid[:, :, None]).transpose(1, 2)
        ends = (edges.sender, edges.receiver) if self.both_atoms else (edges.receiver,)
        features = torch.cat([torch.bmm(weights, gather(x, end))[:, 0] for end in ends], dim=-1)
        features = self.edge_norm(features)
        isotropic = self.isotropic_mlp(_mean(features, edges))
        products = harmonics[:, 4:9, None] * features[:, None, :]
        anisotropic = self.anisotropic_mlp(_mean(products, edges)).squeeze(-1)
        return torch.einsum("nk,kab->nab", torch.cat([isotropic, anisotropic], dim=1), self.basis)


def _mlp(width: int, layers: int) -> nn.Sequential:
    hidden = [module for _ in range(layers - 1) for module in (nn.Linear(width, width), nn.SiLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 1))


def _mean(values: Tensor, edges: VectorEdges) -> Tensor:
    """Mean of ``[E, ...]`` over the edges of each receiver: ``[N, ...]``, zero where there are none."""
    total = segment_sum(values, edges.receiver, edges.num_atoms)
    count = segment_sum(torch.ones_like(edges.distance)[:, None], edges.receiver, edges.num_atoms).clamp(min=1)
    return total / count.view(-1, *[1] * (total.dim() - 1))
