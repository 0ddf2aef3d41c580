"""The widest part of a message, a few edges at a time.

Between the features of atoms and the hidden features of a message lie three tensors of E·(lmax + 1)²·2·channels
numbers: both atoms side by side, the same with radial weights, and the same in the frame of the edge. Written to memory
and saved for the derivative, they cost more than their arithmetic. Here they live in the cache, for a few edges at a
time; the derivative gathers and weighs once more, which is cheap. On the way back, rotating out of the frame and
summing over the edges of an atom go the same way.

Once differentiable, and only in what is not a weight: for frozen networks. The plain twins are what networks that
learn compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from equical.model.kernels.degree_scale import scale_degrees
from equical.model.kernels.joints import join
from equical.model.kernels.segment import Rows, segment_sum

__all__ = ["LinearMap", "hidden_features", "plain_hidden_features", "plain_sum_out_of_frames", "runs_of_edges"]
__all__ += ["sum_out_of_frames"]

STREAM_ELEMENTS = 1 << 20
"""Numbers of the widest tensor made at a time: about what the second-level caches of a few cores hold."""

PARTS_OF_A_PRODUCT = 4
"""So many of these pieces go through the linear map together: its weights fill a cache, too."""


class LinearMap(Protocol):
    """A linear map of edges with frozen weights, that knows its own transpose."""

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map ``[e, S, inputs]`` of some edges."""

    def adjoint(self, *grads: Tensor) -> Tensor:
        """Derivatives in what the map returns to the derivative in ``x``."""


class _HiddenFeatures(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, linear: LinearMap, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.linear = linear
        ctx.save_for_backward(*tensors)
        message = _Message(*tensors)
        found = [linear(message.in_frames(edges)) for edges in message.products()]
        return tuple(torch.cat(pieces) for pieces in zip(*found, strict=True))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        message = _Message(*ctx.saved_tensors)
        totals = message.zeros()
        for edges in message.products():
            message.collect(edges, ctx.linear.adjoint(*(grad[edges] for grad in grads)), totals)
        return None, None, None, *totals


@dataclass(frozen=True)
class _Message:
    """What :class:`_HiddenFeatures` reads, see :func:`hidden_features`."""

    sender: Tensor
    receiver: Tensor
    of_senders: Tensor
    of_receivers: Tensor
    weights: Tensor
    into_frame: Tensor

    @property
    def width(self) -> int:
        return self.of_senders.shape[2] + self.of_receivers.shape[2]

    def products(self) -> Iterator[slice]:
        """The edges that go through the linear map together."""
        return runs_of_edges(slice(0, len(self.into_frame)), self.into_frame, self.width // PARTS_OF_A_PRODUCT)

    def parts(self, edges: slice) -> Iterator[slice]:
        return runs_of_edges(edges, self.into_frame, self.width)

    def pair(self, part: slice) -> Tensor:
        """``[e, (lmax + 1)², width]`` both atoms side by side."""
        ends = ((self.of_senders, self.sender), (self.of_receivers, self.receiver))
        return torch.cat([values.index_select(0, index[part]) for values, index in ends], dim=2)

    def in_frames(self, edges: slice) -> Tensor:
        """``[e, S, width]`` the weighted pair in the frames of the edges."""
        result = self.weights.new_empty(edges.stop - edges.start, self.into_frame.shape[1], self.width)
        for part in self.parts(edges):
            message = _weigh_(self.pair(part), self.weights[part])
            target = result[part.start - edges.start : part.stop - edges.start]
            torch.bmm(self.into_frame[part], message, out=target)
        return result

    def zeros(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Room for derivatives."""
        for_atoms = torch.zeros_like(self.of_senders), torch.zeros_like(self.of_receivers)
        return *for_atoms, torch.empty_like(self.weights), torch.empty_like(self.into_frame)

    def collect(self, edges: slice, grad: Tensor, totals: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        """From the derivative in what :meth:`in_frames` returns to those in everything that it reads."""
        for_senders, for_receivers, for_weights, for_frames = totals
        for part in self.parts(edges):
            in_frame = grad[part.start - edges.start : part.stop - edges.start]
            pair = self.pair(part)
            for_message = torch.bmm(self.into_frame[part].transpose(1, 2), in_frame)
            _contract(pair * for_message, for_weights[part])
            torch.bmm(in_frame, _weigh_(pair, self.weights[part]).transpose(1, 2), out=for_frames[part])
            for_pair = _weigh_(for_message, self.weights[part])
            widths = [self.of_senders.shape[2], self.of_receivers.shape[2]]
            for_sender, for_receiver = for_pair.split(widths, dim=2)
            _scatter_(for_senders, self.sender[part], for_sender)
            _scatter_(for_receivers, self.receiver[part], for_receiver)


class _SumOutOfFrames(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, receiver: Tensor, atoms: int, values: Tensor, weight: Tensor, out_of_frame: Tensor) -> Tensor:
        ctx.save_for_backward(receiver, values, weight, out_of_frame)
        total = values.new_zeros(atoms, out_of_frame.shape[1], values.shape[2])
        for part in runs_of_edges(slice(0, len(values)), out_of_frame, values.shape[2]):
            message = torch.bmm(out_of_frame[part], values[part] * weight[part, None])
            _scatter_(total, receiver[part], message)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        receiver, values, weight, out_of_frame = ctx.saved_tensors
        for_values, for_weight = torch.empty_like(values), torch.empty_like(weight)
        for_frames = torch.empty_like(out_of_frame)
        for part in runs_of_edges(slice(0, len(values)), out_of_frame, values.shape[2]):
            of_message = grad.index_select(0, receiver[part])
            weighted = values[part] * weight[part, None]
            torch.bmm(of_message, weighted.transpose(1, 2), out=for_frames[part])
            in_frame = torch.bmm(out_of_frame[part].transpose(1, 2), of_message)
            torch.mul(in_frame, weight[part, None], out=for_values[part])
            torch.sum(in_frame.mul_(values[part]), dim=1, out=for_weight[part])
        return None, None, for_values, for_weight, for_frames


def hidden_features(
    linear: LinearMap, senders: Rows, receivers: Rows, weights: Tensor, into_frame: Tensor
) -> tuple[Tensor, ...]:
    """Both atoms side by side, weighed, rotated into the frame of the edge, and through its first linear map.

    Args:
        linear: the map, with frozen weights.
        senders, receivers: rows ``[(lmax + 1)², channels]`` of both atoms of each edge.
        weights: ``[E, lmax + 1, 2·channels]`` radial weights.
        into_frame: ``[E, S, (lmax + 1)²]``.

    Returns:
        What ``linear`` returns.
    """
    return _HiddenFeatures.apply(
        linear, senders.index, receivers.index, senders.values, receivers.values, weights, into_frame
    )


def plain_hidden_features(
    linear: Callable[[Tensor], tuple[Tensor, ...]],
    senders: Rows,
    receivers: Rows,
    weights: Tensor,
    into_frame: Tensor,
) -> tuple[Tensor, ...]:
    """:func:`hidden_features` of all edges at once."""
    message = scale_degrees(join([senders.read(), receivers.read()], dim=-1), weights)
    return linear(torch.bmm(into_frame, message))


def sum_out_of_frames(values: Tensor, weight: Tensor, out_of_frame: Tensor, receiver: Tensor, atoms: int) -> Tensor:
    """Messages times attention weights, rotated out of the frames of edges and summed over the edges of each receiver.

    Args:
        values: ``[E, S, channels]``.
        weight: ``[E, channels]``.
        out_of_frame: ``[E, (lmax + 1)², S]``.
        receiver: ``[E]``.
        atoms: number of atoms N.

    Returns:
        ``[N, (lmax + 1)², channels]``.
    """
    return _SumOutOfFrames.apply(receiver, atoms, values, weight, out_of_frame)


def plain_sum_out_of_frames(
    values: Tensor, weight: Tensor, out_of_frame: Tensor, receiver: Tensor, atoms: int
) -> Tensor:
    """:func:`sum_out_of_frames` of all edges at once."""
    return segment_sum(torch.bmm(out_of_frame, values * weight[:, None, :]), receiver, atoms)


def runs_of_edges(edges: slice, frames: Tensor, channels: int) -> Iterator[slice]:
    """Runs of ``edges`` so short that features of so many channels stay in the cache.

    Args:
        edges: which edges.
        frames: rotations, whose sizes tell the number of coefficients.
        channels: of the widest tensor.

    Returns:
        Consecutive slices; a single empty one if there is no edge.
    """
    rows = max(1, STREAM_ELEMENTS // (max(frames.shape[1:]) * max(1, channels)))
    starts = range(edges.start, max(edges.start + 1, edges.stop), rows)
    return (slice(start, min(start + rows, edges.stop)) for start in starts)


def _weigh_(values: Tensor, weights: Tensor) -> Tensor:
    """Multiply ``[e, (lmax + 1)², C]`` in place by ``[e, lmax + 1, C]``, each degree with all of its orders."""
    for degree in range(weights.shape[1]):
        values[:, degree * degree : (degree + 1) ** 2].mul_(weights[:, degree, None])
    return values


def _contract(products: Tensor, total: Tensor) -> None:
    """The transpose of :func:`_weigh_`: sum the orders of each degree."""
    for degree in range(total.shape[1]):
        torch.sum(products[:, degree * degree : (degree + 1) ** 2], dim=1, out=total[:, degree])


def _scatter_(total: Tensor, index: Tensor, values: Tensor) -> None:
    flat = values.flatten(1)
    total.view(len(total), -1).scatter_add_(0, index[:, None].expand_as(flat), flat)
