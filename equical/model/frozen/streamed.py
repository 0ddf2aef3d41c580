"""Attention whose widest tensors pass a few edges at a time, so that they never leave the cache of a CPU."""

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeFeatures
from equical.model.frozen.linear import FrozenSO2Linear
from equical.model.frozen.twins import take_over
from equical.model.kernels import sphere_product
from equical.model.kernels.segment import Rows
from equical.model.kernels.streaming import hidden_features, runs_of_edges, sum_out_of_frames
from equical.model.v2.activation import SeparableSphereActivation
from equical.model.v2.attention import GraphAttention as GraphAttentionV2
from equical.model.v2.edges import VectorEdges
from equical.model.v3.attention import GraphAttention

__all__ = ["StreamedActivationV2", "StreamedAttention", "StreamedAttentionV2", "stream"]


class StreamedAttention(GraphAttention):
    """Twin of :class:`equical.model.v3.attention.GraphAttention`, once differentiable.

    Args:
        plain: with frozen linear maps, and both atoms side by side in a message.
    """

    so2_linear_1: FrozenSO2Linear

    def __init__(self, plain: GraphAttention):
        take_over(self, plain)

    def hidden_features(self, sender: Rows, receiver: Rows, weights: Tensor, edges: EdgeFeatures) -> tuple[Tensor, ...]:
        """See :meth:`.GraphAttention.hidden_features`."""
        return hidden_features(self.so2_linear_1, sender, receiver, weights, edges.rotations.into_frame)

    def sum_messages(self, value: Tensor, weight: Tensor, edges: EdgeFeatures) -> Tensor:
        """See :meth:`.GraphAttention.sum_messages`."""
        return sum_out_of_frames(value, weight, edges.rotations.out_of_frame, edges.receiver, edges.num_atoms)


def stream(plain: GraphAttention) -> GraphAttention:
    """The streamed twin; messages in which atoms are added are half as wide and stay as they are."""
    return StreamedAttention(plain) if plain.merge == "concat" else plain


class StreamedAttentionV2(GraphAttentionV2):
    """Twin of :class:`equical.model.v2.attention.GraphAttention` without derivatives, which direct models do not need.

    Args:
        plain: the attention.
    """

    def __init__(self, plain: GraphAttentionV2):
        take_over(self, plain)

    def messages(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """See :meth:`equical.model.v2.attention.GraphAttention.messages`."""
        weights, into_frame = self.radial_weights(edges), edges.rotations.into_frame
        sizes = [weight.shape[1] for weight in weights]
        result = x.new_empty(*into_frame.shape[:2], 2 * x.shape[2])
        for run in runs_of_edges(slice(0, len(result)), into_frame, result.shape[2]):
            pair = torch.cat([x.index_select(0, ends[run]) for ends in (edges.sender, edges.receiver)], dim=-1)
            rotated = torch.bmm(into_frame[run], pair).split(sizes, dim=1)
            for part, weight, target in zip(rotated, weights, result[run].split(sizes, dim=1), strict=True):
                torch.mul(part, weight[run], out=target)
        return result


class StreamedActivationV2(SeparableSphereActivation):
    """Twin of :class:`.SeparableSphereActivation` without derivatives: grid values, 17 times as many as coefficients,
    are made for a few edges at a time.

    Args:
        plain: the activation.
    """

    def __init__(self, plain: SeparableSphereActivation):
        take_over(self, plain)

    def forward(self, x: Tensor, scalars: Tensor) -> Tensor:
        """See :meth:`.SeparableSphereActivation.forward`."""
        result = torch.empty_like(x)
        result[:, :1] = nn.functional.silu(scalars)[:, None, :]
        rows = max(1, sphere_product.CHUNK_ELEMENTS // (len(self.to_grid) * x.shape[2]))
        for part, found in zip(x.split(rows), result[:, 1:].split(rows), strict=True):
            signal = nn.functional.silu(torch.matmul(self.to_grid, part), inplace=True)
            found.copy_(torch.matmul(self.from_grid, signal))
        return result
