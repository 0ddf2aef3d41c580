"""Linear maps that commute with rotations: about any axis (atoms), or about the edge (messages)."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.kernels.joints import cut, join
from equical.so3.coefficients import degree_of

__all__ = ["SO2Linear", "SO3Linear", "add_invariants"]


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
        return add_invariants(y, self.bias)


def add_invariants(x: Tensor, invariants: Tensor) -> Tensor:
    """Add ``[C]`` or ``[N, C]`` to degree zero, the first row, of ``x [N, S, C]``."""
    scalars, rest = cut(x, [1, x.shape[1] - 1], dim=1)
    return join([scalars + invariants.unsqueeze(-2), rest], dim=1)


class SO2Linear(nn.Module):
    """Linear map of edge coefficients that commutes with rolls about the edge (eSCN, arXiv 2302.03655, eq. 7).

    Orders do not mix, and +m and −m mix like the real and imaginary parts of a complex product. The m = 0 part may give
    further invariant outputs, which come first in its weight matrix. Outputs may come as several signals of equal
    width, whose channels lie side by side in the weights.
    """

    def __init__(self, lmax: int, mmax: int, inputs: int, outputs: int, extra: int = 0, signals: int = 1):
        super().__init__()
        self.lmax, self.mmax, self.extra, self.signals = lmax, mmax, extra, signals
        self.inputs, self.outputs = inputs, outputs
        width = signals * outputs
        self.linear_m0 = nn.Linear((lmax + 1) * inputs, extra + (lmax + 1) * width)
        self.weights = nn.ParameterList()
        for m in range(1, mmax + 1):
            self.weights.append(self._pair_weight(m))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map coefficients of edges.

        Args:
            x: ``[E, S, inputs]`` in order-major order.

        Returns:
            The extra invariants ``[E, extra]`` and each output signal ``[E, S, outputs]``.
        """
        count, degrees = x.shape[0], self.lmax + 1
        pairs_width = [2 * (degrees - m) * self.inputs for m in range(1, self.mmax + 1)]
        first, *pairs = cut(x.flatten(1), [degrees * self.inputs, *pairs_width], dim=1)
        sizes = [self.extra] + [degrees * self.outputs] * self.signals
        extra, *axial = cut(self.mix_axial(first), sizes, dim=1)
        pieces = [axial, *(self.mix_pair(m, pair) for m, pair in enumerate(pairs, start=1))]
        signals = [join(parts, dim=1).view(count, x.shape[1], self.outputs) for parts in zip(*pieces, strict=True)]
        return extra, *signals

    def mix_axial(self, x: Tensor) -> Tensor:
        """Order zero ``[E, degrees·inputs]`` to the extra invariants and all signals, side by side."""
        matrix, bias = self.axial_matrix()
        return torch.addmm(bias, x, matrix.T)

    def mix_pair(self, m: int, pair: Tensor) -> list[Tensor]:
        """Orders +m and −m ``[E, 2·degrees·inputs]`` to ``[E, 2·degrees·outputs]`` of each signal."""
        return self.separate(pair @ self.pair_matrix(m).T)

    def separate(self, mixed: Tensor) -> list[Tensor]:
        """The signals that lie side by side in what a pair is mixed to."""
        return list(cut(mixed, [mixed.shape[1] // self.signals] * self.signals, dim=1))

    def axial_matrix(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of m = 0, rows ordered (extra | signal, degree, channel)."""
        if self.signals == 1:
            return self.linear_m0.weight, self.linear_m0.bias
        rows = torch.cat([self.linear_m0.weight, self.linear_m0.bias[:, None]], dim=1)
        extra, main = rows.split([self.extra, rows.shape[0] - self.extra])
        main = main.view(self.lmax + 1, self.signals, self.outputs, -1).transpose(0, 1).reshape(main.shape)
        rows = torch.cat([extra, main])
        return rows[:, :-1], rows[:, -1]

    def pair_matrix(self, m: int) -> Tensor:
        """One real matrix for (+m, −m), rows ordered (signal, ±, degree, channel).

        out₊ = W_r x₊ − W_i x₋ and out₋ = W_i x₊ + W_r x₋.
        """
        real, imaginary = self.weights[m - 1].chunk(2, dim=0)
        matrix = torch.cat([torch.cat([real, -imaginary], dim=1), torch.cat([imaginary, real], dim=1)])
        if self.signals == 1:
            return matrix
        return matrix.view(-1, self.signals, self.outputs, matrix.shape[1]).transpose(0, 1).reshape(matrix.shape)

    def _pair_weight(self, m: int) -> nn.Parameter:
        """Real over imaginary part of the matrix for +m and −m."""
        rows = 2 * (self.lmax + 1 - m) * self.signals * self.outputs
        columns = (self.lmax + 1 - m) * self.inputs
        bound = 1 / sqrt(2 * columns)
        return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))
