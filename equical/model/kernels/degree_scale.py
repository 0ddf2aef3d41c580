"""One weight for each degree and channel, times all orders of that degree.

Scaling and its adjoint, the contraction over orders, are each other's derivatives, so both are written once and
differentiate any number of times without copies of the weights being spread over the orders.
"""

from typing import Any

import torch
from torch import Tensor

__all__ = ["plain_scale_degrees", "scale_degrees"]


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(x, weights)
        scaled = torch.empty_like(x, memory_format=torch.contiguous_format)
        for degree in range(weights.shape[1]):
            orders = slice(degree * degree, (degree + 1) ** 2)
            torch.mul(x[:, orders], weights[:, degree, None], out=scaled[:, orders])
        return scaled

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weights = ctx.saved_tensors
        for_x = _Scale.apply(grad, weights) if ctx.needs_input_grad[0] else None
        return for_x, _Contract.apply(grad, x) if ctx.needs_input_grad[1] else None


class _Contract(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(x, y)
        degrees = int(x.shape[1] ** 0.5)
        total = x.new_empty(x.shape[0], degrees, x.shape[2])
        for degree in range(degrees):
            row = torch.mul(x[:, degree * degree], y[:, degree * degree], out=total[:, degree])
            for order in range(degree * degree + 1, (degree + 1) ** 2):
                row.addcmul_(x[:, order], y[:, order])
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        for_x = _Scale.apply(y, grad) if ctx.needs_input_grad[0] else None
        return for_x, _Scale.apply(x, grad) if ctx.needs_input_grad[1] else None


def scale_degrees(x: Tensor, weights: Tensor) -> Tensor:
    """``x [E, (lmax + 1)², C]`` in degree order times ``weights [E, lmax + 1, C]``."""
    return _Scale.apply(x, weights)


def plain_scale_degrees(x: Tensor, weights: Tensor) -> Tensor:
    """:func:`scale_degrees` with every weight repeated for the orders of its degree."""
    orders = torch.tensor([2 * degree + 1 for degree in range(weights.shape[1])])
    return x * weights.repeat_interleave(orders, dim=1)
