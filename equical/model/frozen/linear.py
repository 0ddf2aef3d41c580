"""Linear maps of edges whose matrices are made from the weights once, and that know their own transpose."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import SO2Linear
from equical.model.bricks.mirror_linear import both_orders

__all__ = ["BFloat16Matrix", "FrozenO2Linear", "FrozenSO2Linear", "Matrix"]


class Matrix(nn.Module):
    """y = x Wᵀ + b with W and b that stay as they are.

    Args:
        weight: W ``[outputs, inputs]``.
        bias: b ``[outputs]``, if there is one.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        self.register_buffer("weight", weight.detach(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[E, inputs]`` to ``[E, outputs]``."""
        return x @ self.weight.T if self.bias is None else torch.addmm(self.bias, x, self.weight.T)

    def adjoint(self, grad: Tensor) -> Tensor:
        """Derivative in y ``[E, outputs]`` to the derivative in x ``[E, inputs]``."""
        return grad @ self.weight

    def adjoint_into(self, target: Tensor, grad: Tensor) -> None:
        """Write :meth:`adjoint` into ``target``."""
        torch.mm(grad, self.weight, out=target)


class BFloat16Matrix(Matrix):
    """The same with factors rounded to bfloat16: faster where the processor knows that type, and less exact."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__(weight.to(torch.bfloat16), bias)

    def forward(self, x: Tensor) -> Tensor:
        """See :meth:`Matrix.forward`; the result has the type of ``x``."""
        y = (x.to(torch.bfloat16) @ self.weight.T).to(x.dtype)
        return y if self.bias is None else y + self.bias

    def adjoint(self, grad: Tensor) -> Tensor:
        """See :meth:`Matrix.adjoint`; the result has the type of ``grad``."""
        return (grad.to(torch.bfloat16) @ self.weight).to(grad.dtype)

    def adjoint_into(self, target: Tensor, grad: Tensor) -> None:
        """Write :meth:`adjoint` into ``target``."""
        target.copy_(self.adjoint(grad))


class FrozenSO2Linear(SO2Linear):
    """Twin of :class:`.SO2Linear` with prepared matrices.

    Args:
        plain: whose weights to take.
        matrix: what multiplies with them.
    """

    def __init__(self, plain: SO2Linear, matrix: Callable[..., Matrix] = Matrix):
        nn.Module.__init__(self)
        self.lmax, self.mmax, self.extra, self.signals = plain.lmax, plain.mmax, plain.extra, plain.signals
        self.inputs, self.outputs = plain.inputs, plain.outputs
        with torch.no_grad():
            self.axial = matrix(*plain.axial_matrix())
            self.prepare([plain.pair_matrix(m) for m in range(1, plain.mmax + 1)], matrix)

    def prepare(self, pairs: list[Tensor], matrix: Callable[..., Matrix]) -> None:
        """Keep the matrix of each pair (+m, −m)."""
        self.pairs = nn.ModuleList(matrix(pair) for pair in pairs)

    def mix_axial(self, x: Tensor) -> Tensor:
        """See :meth:`.SO2Linear.mix_axial`."""
        return self.axial(x)

    def mix_pair(self, m: int, pair: Tensor) -> list[Tensor]:
        """See :meth:`.SO2Linear.mix_pair`."""
        return self.separate(self.pairs[m - 1](pair))

    def adjoint(self, *grads: Tensor) -> Tensor:
        """The transpose of ``forward`` without its bias: derivatives in its outputs to derivatives in ``x``.

        For the derivative in ``x`` alone, without a record of operations.
        """
        extra, *signals = grads
        degrees = [self.lmax + 1, *(2 * (self.lmax + 1 - m) for m in range(1, self.mmax + 1))]
        widths = [n * self.outputs for n in degrees]
        axial, *pairs = zip(*(grad.flatten(1).split(widths, dim=1) for grad in signals), strict=True)
        result = extra.new_empty(len(extra), sum(degrees), self.inputs)
        targets = result.flatten(1).split([n * self.inputs for n in degrees], dim=1)
        self.axial.adjoint_into(targets[0], torch.cat([extra, *axial], dim=1))
        for m, (pair, target) in enumerate(zip(pairs, targets[1:], strict=True), start=1):
            self.unmix_pair(m, pair, target)
        return result

    def unmix_pair(self, m: int, grads: tuple[Tensor, ...], target: Tensor) -> None:
        """The transpose of :meth:`mix_pair`, written into ``target``."""
        self._pair(m).adjoint_into(target, torch.cat(grads, dim=1))

    def _pair(self, m: int) -> Matrix:
        matrix = self.pairs[m - 1]
        assert isinstance(matrix, Matrix)
        return matrix


class FrozenO2Linear(FrozenSO2Linear):
    """Twin of :class:`.O2Linear` with prepared matrices, one for each signal."""

    def prepare(self, pairs: list[Tensor], matrix: Callable[..., Matrix]) -> None:
        """Keep the matrices of each pair (+m, −m)."""
        self.pairs = nn.ModuleList(nn.ModuleList(map(matrix, pair.unbind(0))) for pair in pairs)

    def mix_pair(self, m: int, pair: Tensor) -> list[Tensor]:
        """See :meth:`.O2Linear.mix_pair`."""
        orders = both_orders(pair)
        mixed = [matrix(orders) for matrix in self._of_signals(m)]
        return [signal.view(len(pair), 2 * signal.shape[1]) for signal in mixed]

    def unmix_pair(self, m: int, grads: tuple[Tensor, ...], target: Tensor) -> None:
        """See :meth:`.FrozenSO2Linear.unmix_pair`."""
        matrices = self._of_signals(m)
        orders = [matrix.adjoint(both_orders(grad)) for matrix, grad in zip(matrices, grads, strict=True)]
        target.copy_(sum(orders[1:], orders[0]).view(target.shape))

    def _of_signals(self, m: int) -> list[Matrix]:
        matrices = self.pairs[m - 1]
        assert isinstance(matrices, nn.ModuleList)
        return [matrix for matrix in matrices if isinstance(matrix, Matrix)]
