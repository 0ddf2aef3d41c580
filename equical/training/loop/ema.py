"""Exponential moving average of the weights: what is evaluated and saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """Average of the parameters over about 1/(1 − decay) steps, shorter at the start.

    Args:
        parameters: the model's parameters, always in the same order.
        decay: weight of the past; ``None`` follows the parameters without averaging.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float | None):
        self.parameters = list(parameters)
        self.decay = decay
        self.weights: list[Tensor] = [parameter.detach().clone() for parameter in self.parameters]

    def share(self, step: int) -> float:
        """Weight of the parameters after ``step`` optimiser steps; that of the average before is what is left."""
        keep = 0.0 if self.decay is None else min(self.decay, (1 + step) / (10 + step))
        return 1.0 - keep

    @torch.no_grad()
    def take_in(self, share: float | Tensor) -> None:
        """Move towards the parameters by this share of the way; a scalar on their device where steps are captured."""
        if isinstance(share, Tensor):
            for weight, parameter in zip(self.weights, self.parameters, strict=True):
                weight.lerp_(parameter, share.to(weight.dtype))
        else:
            torch._foreach_lerp_(self.weights, list(self.parameters), share)

    @torch.no_grad()
    def load(self, weights: Sequence[Tensor]) -> None:
        """Continue from saved weights."""
        for own, saved in zip(self.weights, weights, strict=True):
            own.copy_(saved)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights."""
        with using_weights(self.parameters, self.weights):
            yield


@contextmanager
def using_weights(parameters: Sequence[nn.Parameter], weights: Sequence[Tensor]) -> Iterator[None]:
    """Inside the block ``parameters`` hold ``weights``; afterwards exactly what they held before."""
    with torch.no_grad():
        before = [parameter.detach().clone() for parameter in parameters]
        torch._foreach_copy_(list(parameters), list(weights))
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(list(parameters), before)
