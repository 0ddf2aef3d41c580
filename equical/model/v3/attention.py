"""Graph attention whose messages are convolutions in the frame of each edge."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.activation import GateActivation, SphereProduct, smooth_leaky_relu
from equical.model.bricks.edges import EdgeFeatures, Edges
from equical.model.bricks.linear import SO2Linear, SO3Linear
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.bricks.radial import RadialMLP
from equical.model.kernels.degree_scale import scale_degrees
from equical.model.kernels.joints import cut
from equical.model.kernels.segment import Rows, gather, segment_max, segment_sum
from equical.model.kernels.streaming import plain_hidden_features, plain_sum_out_of_frames
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
        edge_linear = O2Linear if config.mirror else SO2Linear
        self.so2_linear_1 = edge_linear(lmax, mmax, inputs, hidden, extra, signals)
        self.so2_linear_2 = edge_linear(lmax, mmax, hidden, config.num_heads * config.value_channels)
        self.alpha_norm = nn.LayerNorm(config.alpha_channels)
        self.alpha_dot = nn.Parameter(torch.empty(config.num_heads, config.alpha_channels))
        nn.init.uniform_(self.alpha_dot, -1 / sqrt(config.alpha_channels), 1 / sqrt(config.alpha_channels))
        spread = torch.zeros(config.num_heads, config.num_heads, config.value_channels, dtype=torch.float64)
        spread.diagonal().fill_(1.0)
        self.register_buffer("spread", spread.flatten(1), persistent=False)
        self.projection = SO3Linear(lmax, config.num_heads * config.value_channels, outputs)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, (lmax + 1)², outputs]``."""
        as_sender, as_receiver = self.radial.element_parts(edges.numbers)
        senders, receivers = (self.sender_linear(x), as_sender), (self.receiver_linear(x), as_receiver)
        return self.projection(edges.message_pass(self._messages, senders, receivers))

    def _messages(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: EdgeFeatures) -> Tensor:
        """Weighted messages summed over the edges of each receiver: ``[N, (lmax + 1)², heads·V]``."""
        elements = senders[1].read() + receivers[1].read()
        weights = self.radial(edges.basis, elements).unflatten(-1, (self.lmax + 1, -1))
        invariants, *signals = self.hidden_features(senders[0], receivers[0], weights, edges)
        features, scalars = cut(invariants, [self.alpha_width, self.activation.num_scalars], dim=1)
        value = self.so2_linear_2(self.activation(scalars, *signals))[1]
        return self.sum_messages(value, self._attention_weight(features, edges), edges)

    def hidden_features(self, sender: Rows, receiver: Rows, weights: Tensor, edges: EdgeFeatures) -> tuple[Tensor, ...]:
        """Both atoms merged, each degree and channel with its radial weight ``[E, lmax + 1, ...]``, in the frame of the
        edge, through the first linear map: what that returns."""
        into_frame = edges.rotations.into_frame
        if self.merge == "concat":
            return plain_hidden_features(self.so2_linear_1, sender, receiver, weights, into_frame)
        from_sender, from_receiver = sender.read(), receiver.read()
        for_sender, for_receiver = cut(weights, [from_sender.shape[2]] * 2, dim=-1)
        message = scale_degrees(from_sender, for_sender) + scale_degrees(from_receiver, for_receiver)
        return self.so2_linear_1(torch.bmm(into_frame, message))

    def sum_messages(self, value: Tensor, weight: Tensor, edges: EdgeFeatures) -> Tensor:
        """Messages ``[E, S, heads·V]`` times weights ``[E, heads·V]``, rotated out of frames and summed on atoms."""
        out_of_frame = edges.rotations.out_of_frame
        return plain_sum_out_of_frames(value, weight, out_of_frame, edges.receiver, edges.num_atoms)

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
