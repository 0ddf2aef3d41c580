"""Graph attention: what an atom takes from its neighbours, weighted by a softmax over them."""

import torch
from torch import Tensor, nn

from equical.model.kernels.joints import cut
from equical.model.kernels.segment import Rows, gather, segment_max, segment_sum
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.edges import CoupledEdges
from equical.model.v1.irreps import Features, Irreps, side_by_side
from equical.model.v1.linear import IrrepsLinear
from equical.model.v1.messages import LinearMessage, NonlinearMessage, ProductMessage

__all__ = ["DotProductAttention", "GraphAttention", "attention"]

SOFTMAX_EPS = 1e-16
"""Added to the denominator of the softmax."""


class GraphAttention(nn.Module):
    """Attention whose weights come from scalars of the message (arXiv 2206.11990, fig. 1b).

    The envelope enters as in EquiformerV3, inside the softmax and on the weight; published models have none.
    """

    def __init__(self, config: EquiformerV1Config, inputs: Irreps, outputs: Irreps):
        super().__init__()
        self.irreps, self.heads = Irreps.parse(config.irreps), config.num_heads
        self.values = Irreps.parse(config.head_irreps).times(config.num_heads)
        self.sender_linear = IrrepsLinear(inputs, self.irreps)
        self.receiver_linear = IrrepsLinear(inputs, self.irreps, bias=False)
        self.message = (NonlinearMessage if config.attention == "nonlinear" else LinearMessage)(config)
        self.projection = IrrepsLinear(self.values, outputs)

    def forward(self, x: Features, edges: CoupledEdges) -> Features:
        """Features of N atoms, from ``inputs`` to ``outputs``."""
        senders = side_by_side(self.sender_linear(x))
        receivers = side_by_side(self.receiver_linear(x))
        summed = edges.message_pass(self._messages, (senders,), (receivers,))
        return self.projection(self.values.split(summed))

    def _messages(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: CoupledEdges) -> Tensor:
        merged = self.irreps.split(senders[0].read() + receivers[0].read())
        logits, value = self.message(merged, edges)
        return summed_values(value, logits, edges)


class DotProductAttention(nn.Module):
    """Attention whose weights are scalar products of queries of receivers and keys of messages, as first tried."""

    def __init__(self, config: EquiformerV1Config, inputs: Irreps, outputs: Irreps):
        super().__init__()
        head = Irreps.parse(config.head_irreps)
        self.irreps, self.heads = Irreps.parse(config.irreps), config.num_heads
        self.values = head.times(config.num_heads)
        self.query_linear = IrrepsLinear(inputs, self.values)
        self.scale = [head.count**-0.5 * (2 * kind.degree + 1) ** -0.5 for kind in head.kinds]
        self.sender_linear = IrrepsLinear(inputs, self.irreps)
        self.receiver_linear = IrrepsLinear(inputs, self.irreps, bias=False)
        self.message = ProductMessage(config, head.times(2 * config.num_heads))
        self.projection = IrrepsLinear(self.values, outputs)

    def forward(self, x: Features, edges: CoupledEdges) -> Features:
        """Features of N atoms, from ``inputs`` to ``outputs``."""
        senders = side_by_side(self.sender_linear(x))
        receivers = side_by_side(self.receiver_linear(x))
        queries = side_by_side([part * scale for part, scale in zip(self.query_linear(x), self.scale, strict=True)])
        summed = edges.message_pass(self._messages, (senders,), (receivers, queries))
        return self.projection(self.values.split(summed))

    def _messages(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: CoupledEdges) -> Tensor:
        merged = self.irreps.split(senders[0].read() + receivers[0].read())
        both = self.message(merged, edges)
        pairs = [cut(part, [part.shape[2] // 2] * 2, dim=2) for part in both]
        queries = self.values.split(receivers[1].read())
        products = [(query * key).sum(dim=1) for query, (key, _) in zip(queries, pairs, strict=True)]
        logits = torch.stack([part.unflatten(1, (self.heads, -1)).sum(dim=2) for part in products]).sum(dim=0)
        return summed_values(tuple(value for _, value in pairs), logits, edges)


def attention(config: EquiformerV1Config, inputs: Irreps, outputs: Irreps) -> GraphAttention | DotProductAttention:
    """The attention that the configuration asks for."""
    kind = DotProductAttention if config.attention == "dot_product" else GraphAttention
    return kind(config, inputs, outputs)


def summed_values(value: Features, logits: Tensor, edges: CoupledEdges) -> Tensor:
    """Values of E edges, weighted by the softmax of ``logits [E, heads]`` and summed on N receivers, as rows."""
    largest = segment_max(logits, edges.receiver, edges.num_atoms)
    envelope = edges.envelope[:, None]
    unnormalised = torch.exp(logits - largest.index_select(0, edges.receiver)) * envelope
    total = segment_sum(unnormalised, edges.receiver, edges.num_atoms) + SOFTMAX_EPS
    weight = (unnormalised * envelope / gather(total, edges.receiver))[:, None, :, None]
    weighted = [(part.unflatten(2, (weight.shape[2], -1)) * weight).flatten(2) for part in value]
    return segment_sum(side_by_side(weighted), edges.receiver, edges.num_atoms)
