"""Linear maps that commute with rotations: about any axis (atoms), or about the edge (messages)."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.so3.coefficients import degree_of

__all__ = ["SO2Linear", "SO3Linear"]


class SO3Linear(nn.Module):
    """One matrix for each degree, shared by its orders; a bias on degree zero only."""

    degrees: Tensor

    def __init__(self, lmax: int, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(lmax + 1, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.uniform_(self.weight, -1 / sqrt(inputs), 1 / sqrt(inputs))
        self.register_buffer("degrees", torch.tensor(degree_of(lmax)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², inputs]`` to ``[N, (lmax + 1)², outputs]``."""
        weight = self.weight.index_select(0, self.degrees).transpose(1, 2)
        y = torch.bmm(x.transpose(0, 1), weight).transpose(0, 1)
        return torch.cat([y[:, :1] + self.bias, y[:, 1:]], dim=1)


class SO2Linear(nn.Module):
    """Linear map of edge coefficients that commutes with rolls about the edge (eSCN, arXiv 2302.03655, eq. 7).

    Orders do not mix, and +m and −m mix like the real and imaginary parts of a complex product. The m = 0 part may give
    further invariant outputs, which come first in its weight matrix.
    """

    def __init__(self, lmax: int, mmax: int, inputs: int, outputs: int, extra: int = 0):
        super().__init__()
        self.lmax, self.inputs, self.outputs, self.extra = lmax, inputs, outputs, extra
        self.linear_m0 = nn.Linear((lmax + 1) * inputs, extra + (lmax + 1) * outputs)
        nn.init.uniform_(self.linear_m0.weight, -1 / sqrt(self.linear_m0.in_features), 1 / sqrt(self.linear_m0.in_features))
        nn.init.zeros_(self.linear_m0.bias)
        self.weights = nn.ParameterList()
        for m in range(1, mmax + 1):
            rows, columns = 2 * (lmax + 1 - m) * outputs, (lmax + 1 - m) * inputs
            self.weights.append(nn.Parameter(torch.empty(rows, columns).uniform_(-1, 1) / sqrt(2 * columns)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map coefficients of edges.

        Args:
            x: ``[E, S, inputs]`` in order-major order.

        Returns:
            The extra invariants ``[E, extra]`` and the coefficients ``[E, S, outputs]``.
        """
        count, flat = x.shape[0], x.reshape(x.shape[0], -1)
        start = self.linear_m0.in_features
        scalars = self.linear_m0(flat[:, :start])
        parts = [scalars[:, self.extra :]]
        for weight in self.weights:
            # One real matrix for the pair (+m, −m): out₊ = W_r x₊ − W_i x₋ and out₋ = W_i x₊ + W_r x₋.
            real, imaginary = weight.chunk(2, dim=0)
            matrix = torch.cat([torch.cat([real, -imaginary], dim=1), torch.cat([imaginary, real], dim=1)])
            stop = start + matrix.shape[1]
            parts.append(flat[:, start:stop] @ matrix.T)
            start = stop
        return scalars[:, : self.extra], torch.cat(parts, dim=1).view(count, -1, self.outputs)
