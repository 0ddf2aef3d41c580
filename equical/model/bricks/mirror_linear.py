"""A linear map of edges that also commutes with mirror planes."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import SO2Linear

__all__ = ["O2Linear", "both_orders"]


class O2Linear(SO2Linear):
    """Linear map of edge coefficients that commutes with rolls about the edge and with mirror planes through it.

    A mirror plane through the edge leaves +m as it is and turns the sign of −m. The published convolution mixes the
    two (:class:`.SO2Linear`), so that mirror images of a structure get different energies. Here one matrix serves both
    orders: O(3) instead of SO(3), with half the weights and half the arithmetic for m > 0.
    """

    def mix_pair(self, m: int, pair: Tensor) -> list[Tensor]:
        """See :meth:`.SO2Linear.mix_pair`."""
        orders = both_orders(pair)
        mixed = [orders @ matrix.T for matrix in self.pair_matrix(m).unbind(0)]
        return [signal.view(len(pair), 2 * signal.shape[1]) for signal in mixed]

    def pair_matrix(self, m: int) -> Tensor:
        """``[signals, degrees·outputs, degrees·inputs]``; the weights have rows ordered (degree, signal, channel)."""
        weight = self.weights[m - 1]
        matrix = weight.view(-1, self.signals, self.outputs, weight.shape[1]).transpose(0, 1)
        return matrix.reshape(self.signals, -1, weight.shape[1])

    def _pair_weight(self, m: int) -> nn.Parameter:
        rows, columns = (self.lmax + 1 - m) * self.signals * self.outputs, (self.lmax + 1 - m) * self.inputs
        bound = 1 / sqrt(columns)
        return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))


def both_orders(pair: Tensor) -> Tensor:
    """Orders +m and −m of each edge ``[E, 2·width]`` below each other: ``[2·E, width]``."""
    return pair.reshape(2 * len(pair), pair.shape[1] // 2)
