"""Linear maps that commute with rotations: about any axis (atoms), or about the edge (messages)."""

from collections.abc import Callable
from math import sqrt
from typing import Self

import torch
from torch import Tensor, nn

from equical.model.kernels.joints import cut, join
from equical.so3.coefficients import degree_of

__all__ = ["SO2Linear", "SO3Linear", "add_invariants", "product"]

SO2Matrices = tuple[tuple[Tensor, Tensor], list[Tensor]]
"""Weight and bias for m = 0, and one matrix for each pair (+m, −m)."""


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


def product(x: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x @ matrix + bias``, with factors in the floating-point type of the matrix and the result in that of ``x``."""
    if matrix.dtype != x.dtype:
        y = (x.to(matrix.dtype) @ matrix).to(x.dtype)
        return y if bias is None else y + bias
    return x @ matrix if bias is None else torch.addmm(bias, x, matrix)


def product_into(target: Tensor, x: Tensor, matrix: Tensor) -> None:
    """Write :func:`product` of ``x`` and ``matrix`` into ``target``."""
    if matrix.dtype == x.dtype:
        torch.mm(x, matrix, out=target)
    else:
        target.copy_(product(x, matrix))


class SO2Linear(nn.Module):
    """Linear map of edge coefficients that commutes with rolls about the edge (eSCN, arXiv 2302.03655, eq. 7).

    Orders do not mix, and +m and −m mix like the real and imaginary parts of a complex product. The m = 0 part may give
    further invariant outputs, which come first in its weight matrix. Outputs may come as several signals of equal
    width, whose channels lie side by side in the weights.

    Attributes:
        products: floating-point type of the factors of matrix products once the weights are frozen; None for that of
            the weights. A narrower one is faster where the processor knows it, and less exact.
    """

    products: torch.dtype | None = None

    def __init__(self, lmax: int, mmax: int, inputs: int, outputs: int, extra: int = 0, signals: int = 1):
        super().__init__()
        self.lmax, self.mmax, self.extra, self.signals = lmax, mmax, extra, signals
        self.inputs, self.outputs = inputs, outputs
        width = signals * outputs
        self.linear_m0 = nn.Linear((lmax + 1) * inputs, extra + (lmax + 1) * width)
        self._prepared: tuple[SO2Matrices, tuple[int, ...]] | None = None
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
        (axial_matrix, bias), pair_matrices = self._matrices()
        mixed = product(first, axial_matrix.T, bias)
        sizes = [self.extra] + [degrees * self.outputs] * self.signals
        extra, *axial = cut(mixed, sizes, dim=1)
        pieces = [axial]
        for matrix, pair in zip(pair_matrices, pairs, strict=True):
            pieces.append(self._mix_pair(pair, matrix))
        signals = [join(parts, dim=1).view(count, x.shape[1], self.outputs) for parts in zip(*pieces, strict=True)]
        return extra, *signals

    def adjoint(self, extra: Tensor, *signals: Tensor) -> Tensor:
        """The transpose of :meth:`forward` without its bias: derivatives in its outputs to derivatives in ``x``.

        For the derivative in ``x`` alone, without a record of operations.
        """
        degrees = [self.lmax + 1, *(2 * (self.lmax + 1 - m) for m in range(1, self.mmax + 1))]
        widths = [n * self.outputs for n in degrees]
        axial, *pairs = zip(*(grad.flatten(1).split(widths, dim=1) for grad in signals), strict=True)
        result = extra.new_empty(len(extra), sum(degrees), self.inputs)
        (axial_matrix, _), pair_matrices = self._matrices()
        targets = result.flatten(1).split([n * self.inputs for n in degrees], dim=1)
        product_into(targets[0], torch.cat([extra, *axial], dim=1), axial_matrix)
        for grads, matrix, target in zip(pairs, pair_matrices, targets[1:], strict=True):
            self._unmix_pair(grads, matrix, target)
        return result

    @property
    def frozen(self) -> bool:
        """Whether the matrices are made and the weights want no gradient."""
        return self._prepared is not None and not self.linear_m0.weight.requires_grad

    def freeze(self) -> None:
        """Make the matrices once, for as long as the weights stay as they are and want no gradient."""
        self._prepared = None
        with torch.no_grad():
            (axial, bias), pairs = self._matrices()
            narrow = self.products or axial.dtype
            self._prepared = ((axial.to(narrow), bias), [pair.to(narrow) for pair in pairs]), self._versions()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._prepared = None
        return super()._apply(fn, recurse)

    def _versions(self) -> tuple[int, ...]:
        """Counts how often each weight was written to."""
        return tuple(weight._version for weight in self.parameters())

    def _matrices(self) -> SO2Matrices:
        if self.frozen:
            assert self._prepared is not None
            matrices, versions = self._prepared
            if versions == self._versions():
                return matrices
        return self._axial_matrix(), [self._pair_matrix(weight) for weight in self.weights]

    def _axial_matrix(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of m = 0, rows ordered (extra | signal, degree, channel)."""
        if self.signals == 1:
            return self.linear_m0.weight, self.linear_m0.bias
        rows = torch.cat([self.linear_m0.weight, self.linear_m0.bias[:, None]], dim=1)
        extra, main = rows.split([self.extra, rows.shape[0] - self.extra])
        main = main.view(self.lmax + 1, self.signals, self.outputs, -1).transpose(0, 1).reshape(main.shape)
        rows = torch.cat([extra, main])
        return rows[:, :-1], rows[:, -1]

    def _pair_weight(self, m: int) -> nn.Parameter:
        """Real over imaginary part of the matrix for +m and −m."""
        rows = 2 * (self.lmax + 1 - m) * self.signals * self.outputs
        columns = (self.lmax + 1 - m) * self.inputs
        return nn.Parameter(torch.empty(rows, columns).uniform_(-1, 1) / sqrt(2 * columns))

    def _mix_pair(self, pair: Tensor, matrix: Tensor) -> list[Tensor]:
        """Both orders of a pair ``[E, 2·degrees·inputs]`` to ``[E, 2·degrees·outputs]`` of each signal."""
        mixed = product(pair, matrix.T)
        return list(cut(mixed, [mixed.shape[1] // self.signals] * self.signals, dim=1))

    def _unmix_pair(self, grads: tuple[Tensor, ...], matrix: Tensor, target: Tensor) -> None:
        """The transpose of :meth:`_mix_pair`, written into ``target``."""
        product_into(target, torch.cat(grads, dim=1), matrix)

    def _pair_matrix(self, weight: Tensor) -> Tensor:
        """One real matrix for (+m, −m), rows ordered (signal, ±, degree, channel).

        out₊ = W_r x₊ − W_i x₋ and out₋ = W_i x₊ + W_r x₋.
        """
        real, imaginary = weight.chunk(2, dim=0)
        matrix = torch.cat([torch.cat([real, -imaginary], dim=1), torch.cat([imaginary, real], dim=1)])
        if self.signals == 1:
            return matrix
        return matrix.view(-1, self.signals, self.outputs, matrix.shape[1]).transpose(0, 1).reshape(matrix.shape)
