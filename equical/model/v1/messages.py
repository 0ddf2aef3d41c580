"""What travels along an edge: merged features of both atoms, through depth-wise tensor products with its harmonics."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.activation import smooth_leaky_relu
from equical.model.kernels.joints import cut
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.edges import CoupledEdges
from equical.model.v1.irreps import Features, Irreps, Part
from equical.model.v1.linear import Gate, IrrepsLinear
from equical.model.v1.product import DepthwiseProduct
from equical.model.v1.radial import RadialNetwork

__all__ = ["LinearMessage", "NonlinearMessage", "ProductMessage"]

LEAKY_NORM = 1.531320475574866
"""1/√⟨f(z)²⟩ of the smooth leaky ReLU for a normal z, as e3nn samples it."""


class AttentionScore(nn.Module):
    """Scalars of each head to its logit."""

    def __init__(self, heads: int, channels: int):
        super().__init__()
        self.dot = nn.Parameter(torch.empty(heads, channels))
        bound = sqrt(6 / (heads + channels))
        nn.init.uniform_(self.dot, -bound, bound)

    def forward(self, scalars: Tensor) -> Tensor:
        """``[E, heads, channels]`` to ``[E, heads]``."""
        return (LEAKY_NORM * smooth_leaky_relu(scalars) * self.dot).sum(dim=2)


class ProductMessage(nn.Module):
    """Tensor product weighted by the distance, then a linear map."""

    def __init__(self, config: EquiformerV1Config, outputs: Irreps):
        super().__init__()
        irreps = Irreps.parse(config.irreps)
        self.product = DepthwiseProduct(irreps, outputs, irreps.lmax, odd_harmonics=irreps.odd)
        self.radial = RadialNetwork(config, self.product.num_weights)
        self.linear = IrrepsLinear(self.product.outputs, outputs)

    def forward(self, x: Features, edges: CoupledEdges) -> Features:
        """Merged features of E edges to ``outputs``."""
        return self.linear(self.product(x, edges.couplings, self.radial(edges.basis)))


class LinearMessage(nn.Module):
    """One tensor product; a part of its scalars makes the weight of the attention."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        head, self.heads = Irreps.parse(config.head_irreps), config.num_heads
        self.alpha_channels = head.num_scalars
        (scalars, kind), *others = head.parts
        doubled = Irreps((Part(2 * scalars, kind), *others))
        self.convolution = ProductMessage(config, doubled.times(config.num_heads))
        self.score = AttentionScore(config.num_heads, self.alpha_channels)

    def forward(self, x: Features, edges: CoupledEdges) -> tuple[Tensor, Features]:
        """Merged features of E edges to logits ``[E, heads]`` and values."""
        scalars, *others = self.convolution(x, edges)
        alpha, value = cut(scalars[:, 0].unflatten(1, (self.heads, -1)), [self.alpha_channels] * 2, dim=2)
        return self.score(alpha), (value.flatten(1)[:, None, :], *others)


class NonlinearMessage(nn.Module):
    """Two tensor products with gates between; the first is weighted by the distance, and also makes the attention."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        irreps, head = Irreps.parse(config.irreps), Irreps.parse(config.head_irreps)
        values, self.heads = head.times(config.num_heads), config.num_heads
        self.product_1 = DepthwiseProduct(irreps, irreps, irreps.lmax, odd_harmonics=irreps.odd)
        self.radial = RadialNetwork(config, self.product_1.num_weights)
        self.alpha_linear = IrrepsLinear(self.product_1.outputs, Irreps.scalars_only(values.num_scalars))
        self.score = AttentionScore(config.num_heads, head.num_scalars)
        self.gate = Gate(irreps)
        self.gate_linear = IrrepsLinear(self.product_1.outputs, self.gate.inputs)
        self.product_2 = DepthwiseProduct(irreps, values, irreps.lmax, odd_harmonics=irreps.odd)
        self.weights_2 = nn.Parameter(torch.empty(1, self.product_2.num_weights))
        nn.init.normal_(self.weights_2)
        self.value_linear = IrrepsLinear(self.product_2.outputs, values)

    def forward(self, x: Features, edges: CoupledEdges) -> tuple[Tensor, Features]:
        """Merged features of E edges to logits ``[E, heads]`` and values."""
        message = self.product_1(x, edges.couplings, self.radial(edges.basis))
        (alpha,) = self.alpha_linear(message)
        value = self.gate(self.gate_linear(message))
        value = self.value_linear(self.product_2(value, edges.couplings, self.weights_2))
        return self.score(alpha[:, 0].unflatten(1, (self.heads, -1))), value
