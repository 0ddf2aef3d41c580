"""Graph attention of EquiformerV2: a plain softmax over the nearest neighbours."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.activation import smooth_leaky_relu
from equical.model.bricks.linear import SO2Linear, SO3Linear
from equical.model.bricks.radial import RadialMLP
from equical.model.kernels.segment import gather, segment_max, segment_sum
from equical.model.v2.activation import SeparableSphereActivation
from equical.model.v2.config import EquiformerV2Config
from equical.model.v2.edges import VectorEdges

__all__ = ["GraphAttention"]

SOFTMAX_EPS = 1e-16
"""Added to the denominator of the softmax."""


class GraphAttention(nn.Module):
    """Equivariant graph attention (EquiformerV2, arXiv 2306.12059, fig. 1b).

    A message joins the features of sender and receiver; in the frame of the edge each degree and order is weighted by
    distance and elements, then it passes SO(2) linear, non-linearity, SO(2) linear.
    """

    def __init__(self, config: EquiformerV2Config, outputs: int):
        super().__init__()
        lmax, mmax, hidden = config.lmax, config.mmax, config.attention_hidden
        self.heads, self.alpha_width = config.num_heads, config.num_heads * config.alpha_channels
        self.degrees_of_order = [lmax + 1 - m for m in range(mmax + 1)]
        width = sum(self.degrees_of_order) * 2 * config.channels
        self.radial = RadialMLP(config.num_radial, config.edge_channels, width, config.max_elements)
        self.activation = SeparableSphereActivation(lmax, mmax, config.edge_grid)
        self.so2_linear_1 = SO2Linear(lmax, mmax, 2 * config.channels, hidden, self.alpha_width + hidden)
        self.so2_linear_2 = SO2Linear(lmax, mmax, hidden, config.num_heads * config.value_channels)
        self.alpha_norm = nn.LayerNorm(config.alpha_channels)
        self.alpha_dot = nn.Parameter(torch.empty(config.num_heads, config.alpha_channels))
        nn.init.uniform_(self.alpha_dot, -1 / sqrt(config.alpha_channels), 1 / sqrt(config.alpha_channels))
        self.projection = SO3Linear(lmax, config.num_heads * config.value_channels, outputs)

    def forward(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, (lmax + 1)², outputs]``."""
        invariants, hidden = self.so2_linear_1(self.messages(x, edges))
        features, scalars = invariants.split([self.alpha_width, hidden.shape[-1]], dim=1)
        value = self.so2_linear_2(self.activation(hidden, scalars))[1]
        value = value.unflatten(-1, (self.heads, -1)) * self._softmax(features, edges)[:, None, :, None]
        value = torch.bmm(edges.rotations.out_of_frame, value.flatten(2))
        return self.projection(segment_sum(value, edges.receiver, edges.num_atoms))

    def radial_weights(self, edges: VectorEdges) -> list[Tensor]:
        """Radial weights ``[E, lmax + 1 - m, 2·channels]`` for each order m, the same for +m and −m."""
        as_sender, as_receiver = self.radial.element_parts(edges.numbers)
        elements = gather(as_sender, edges.sender) + gather(as_receiver, edges.receiver)
        weights = self.radial(edges.basis, elements).unflatten(-1, (sum(self.degrees_of_order), -1))
        zero, *pairs = weights.split(self.degrees_of_order, dim=1)
        return [zero, *(weight for weight in pairs for _ in range(2))]

    def messages(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """Sender and receiver side by side, in the frame of the edge, weighted: ``[E, S, 2·channels]``."""
        pair = torch.cat([gather(x, edges.sender), gather(x, edges.receiver)], dim=-1)
        weights = self.radial_weights(edges)
        rotated = torch.bmm(edges.rotations.into_frame, pair).split([weight.shape[1] for weight in weights], dim=1)
        return torch.cat([part * weight for part, weight in zip(rotated, weights, strict=True)], dim=1)

    def _softmax(self, features: Tensor, edges: VectorEdges) -> Tensor:
        """Attention weights over the edges of a receiver: ``[E, heads]``."""
        features = smooth_leaky_relu(self.alpha_norm(features.unflatten(-1, (self.heads, -1))))
        logits = (features * self.alpha_dot).sum(dim=-1)
        largest = segment_max(logits, edges.receiver, edges.num_atoms)
        unnormalised = torch.exp(logits - largest.index_select(0, edges.receiver))
        total = segment_sum(unnormalised, edges.receiver, edges.num_atoms) + SOFTMAX_EPS
        return unnormalised / gather(total, edges.receiver)
