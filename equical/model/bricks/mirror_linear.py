"""A linear map of edges that also commutes with mirror planes."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import SO2Linear, product
from equical.model.v3.config import ModelConfig

__all__ = ["O2Linear", "edge_linear"]


class O2Linear(SO2Linear):
    """Linear map of edge coefficients that commutes with rolls about the edge and with mirror planes through it.

    A mirror plane through the edge leaves +m as it is and turns the sign of −m. The published convolution mixes the
    two (:class:`.SO2Linear`), so that mirror images of a structure get different energies. Here one matrix serves both
    orders: O(3) instead of SO(3), with half the weights and half the arithmetic for m > 0.
    """

    def _pair_weight(self, m: int) -> nn.Parameter:
        rows, columns = (self.lmax + 1 - m) * self.signals * self.outputs, (self.lmax + 1 - m) * self.inputs
        return nn.Parameter(torch.empty(rows, columns).uniform_(-1, 1) / sqrt(columns))

    def _pair_matrix(self, weight: Tensor) -> Tensor:
        """``[signals, degrees·outputs, degrees·inputs]``; the weights have rows ordered (degree, signal, channel)."""
        matrix = weight.view(-1, self.signals, self.outputs, weight.shape[1]).transpose(0, 1)
        return matrix.reshape(self.signals, -1, weight.shape[1])

    def _mix_pair(self, pair: Tensor, matrix: Tensor) -> list[Tensor]:
        count, (rows, columns) = pair.shape[0], matrix.shape[1:]
        orders = pair.reshape(2 * count, columns)
        return [product(orders, of_signal.T).view(count, 2 * rows) for of_signal in matrix.unbind(0)]

    def _unmix_pair(self, grads: tuple[Tensor, ...], matrix: Tensor, target: Tensor) -> None:
        rows = matrix.shape[1]
        orders = [product(grad.reshape(-1, rows), of_signal) for grad, of_signal in zip(grads, matrix, strict=True)]
        target.copy_(sum(orders[1:], orders[0]).view(target.shape))


def edge_linear(config: ModelConfig, inputs: int, outputs: int, extra: int = 0, signals: int = 1) -> SO2Linear:
    """The linear map of edge coefficients that a configuration asks for."""
    brick = O2Linear if config.mirror else SO2Linear
    return brick(config.lmax, config.mmax, inputs, outputs, extra, signals)
