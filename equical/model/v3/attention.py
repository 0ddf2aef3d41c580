"""Graph attention whose messages are convolutions in the frame of each edge."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.activation import GateActivation, SphereProduct, smooth_leaky_relu
from equical.model.bricks.edges import EdgeFeatures, Edges, Rows
from equical.model.bricks.linear import SO3Linear
from equical.model.bricks.mirror_linear import edge_linear
from equical.model.bricks.radial import RadialMLP
from equical.model.kernels.degree_scale import scale_degrees
from equical.model.kernels.joints import cut, join
from equical.model.kernels.segment import gather, segment_max, segment_sum
from equical.model.kernels.streaming import hidden_features, sum_out_of_frames
from equical.model.v3.config import ModelConfig

__all__ = ["GraphAttention"]


class GraphAttention(nn.Module):
    """Equivariant graph attention with a smooth cutoff (EquiformerV2, arXiv 2306.12059, fig. 1b; V3, arXiv 2604.09130).

    A message joins the features of sender and receiver, weighted by distance and elements; in the frame of the edge it
    passes SO(2) linear, non-linearity, SO(2) linear. Its weight is a softmax over the edges of the receiver. The
    envelope enters twice, inside the softmax and on the weight: with it an edge fades away before it is cut.
    """

    spread: Tensor

    def __init__(self, config: ModelConfig, outputs: int, activation: str):
        super().__init__()
        lmax, mmax, hidden = config.lmax, config.mmax, config.attention_hidden
        self.lmax, self.heads, self.eps, self.merge = lmax, config.num_heads, config.attention_eps, config.merge
        width = config.message_channels or config.channels
        narrow = config.message_channels is not None
        self.sender_linear = SO3Linear(lmax, config.channels, width) if narrow else nn.Identity()
        self.receiver_linear = SO3Linear(lmax, config.channels, width) if narrow else nn.Identity()
        self.radial = RadialMLP(config.num_radial, config.edge_channels, (lmax + 1) * 2 * width, config.max_elements)
        self.activation: SphereProduct | GateActivation
        if activation == "swiglu_s2":
            self.activation = SphereProduct(lmax, mmax, hidden, config.edge_grid)
        else:
            self.activation = GateActivation(lmax, mmax, hidden)
        self.alpha_width = config.num_heads * config.alpha_channels
        inputs = width if config.merge == "add" else 2 * width
        extra, signals = self.alpha_width + self.activation.num_scalars, self.activation.num_signals
        self.so2_linear_1 = edge_linear(config, inputs, hidden, extra, signals)
        self.so2_linear_2 = edge_linear(config, hidden, config.num_heads * config.value_channels)
        self.alpha_norm = nn.LayerNorm(config.alpha_channels)
        self.alpha_dot = nn.Parameter(torch.empty(config.num_heads, config.alpha_channels))
        nn.init.uniform_(self.alpha_dot, -1 / sqrt(config.alpha_channels), 1 / sqrt(config.alpha_channels))
        spread = torch.eye(config.num_heads, dtype=torch.float64).repeat_interleave(config.value_channels, dim=1)
        self.register_buffer("spread", spread, persistent=False)
        self.projection = SO3Linear(lmax, config.num_heads * config.value_channels, outputs)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, (lmax + 1)², outputs]``."""
        as_sender, as_receiver = self.radial.element_parts(edges.numbers)
        senders, receivers = (self.sender_linear(x), as_sender), (self.receiver_linear(x), as_receiver)
        return self.projection(edges.exchange(self._messages, senders, receivers))

    def _messages(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: EdgeFeatures) -> Tensor:
        """Weighted messages summed over the edges of each receiver: ``[N, (lmax + 1)², heads·V]``."""
        elements = senders[1].read() + receivers[1].read()
        weights = self.radial(edges.basis, elements).unflatten(-1, (self.lmax + 1, -1))
        streamed = edges.streamed and self.merge == "concat" and self.so2_linear_1.frozen
        into_frame, out_of_frame = edges.rotations.into_frame, edges.rotations.out_of_frame
        if streamed:
            invariants, *signals = hidden_features(self.so2_linear_1, senders[0], receivers[0], weights, into_frame)
        else:
            message = self._merge(senders[0].read(), receivers[0].read(), weights)
            invariants, *signals = self.so2_linear_1(torch.bmm(into_frame, message))
        features, scalars = cut(invariants, [self.alpha_width, self.activation.num_scalars], dim=1)
        value = self.so2_linear_2(self.activation(scalars, *signals))[1]
        weight = self._attention_weight(features, edges)
        if streamed:
            return sum_out_of_frames(value, weight, out_of_frame, edges.receiver, edges.num_atoms)
        value = torch.bmm(out_of_frame, value * weight[:, None, :])
        return segment_sum(value, edges.receiver, edges.num_atoms)

    def _merge(self, sender: Tensor, receiver: Tensor, weights: Tensor) -> Tensor:
        """Features of both atoms, each degree and channel with its radial weight: ``[E, (lmax + 1)², inputs]``."""
        if self.merge == "concat":
            return scale_degrees(join([sender, receiver], dim=-1), weights)
        for_sender, for_receiver = cut(weights, [sender.shape[2]] * 2, dim=-1)
        return scale_degrees(sender, for_sender) + scale_degrees(receiver, for_receiver)

    def _attention_weight(self, features: Tensor, edges: EdgeFeatures) -> Tensor:
        """Softmax over the edges of a receiver, faded by the envelope, for each value channel: ``[E, heads·V]``."""
        features = smooth_leaky_relu(self.alpha_norm(features.unflatten(-1, (self.heads, -1))))
        logits = (features * self.alpha_dot).sum(dim=-1)
        largest = segment_max(logits, edges.receiver, edges.num_atoms)
        envelope = edges.envelope[:, None]
        unnormalised = torch.exp(logits - largest.index_select(0, edges.receiver)) * envelope
        total = segment_sum(unnormalised, edges.receiver, edges.num_atoms) + self.eps
        weight = unnormalised * envelope / gather(total, edges.receiver)
        # A product with zeros and ones spreads the weight of a head over its channels and differentiates cheaply.
        return weight @ self.spread
