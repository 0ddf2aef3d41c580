"""The product of two signals on the sphere, from coefficients to coefficients.

f(x, y) = C·((A x) ∘ (B y)), with A and B to a grid and C back, is linear in x and in y. Its derivatives are of the same
form with the matrices swapped round: for a gradient g of the output,

    ∂/∂x = Aᵀ·((Cᵀ g) ∘ (B y)) = f(g, y; Cᵀ, B, Aᵀ)        ∂/∂y = Bᵀ·((A x) ∘ (Cᵀ g)) = f(x, g; A, Cᵀ, Bᵀ)

So derivatives of any order need no grid values from before: each evaluation makes its own, a few edges at a time, and
they never leave the cache. Grid values are the largest tensors of the network; here they are never stored.
"""

from typing import Any

import torch
from torch import Tensor

__all__ = ["plain_sphere_product", "sphere_product"]

CHUNK_ELEMENTS = 1 << 20
"""Grid values (numbers) made at a time: about what the second-level caches of a few cores hold."""


class _SphereProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        ctx.save_for_backward(x, y, a, b, c)
        if x.device.type != "cpu":
            return torch.matmul(c, torch.matmul(a, x) * torch.matmul(b, y))
        rows = max(1, CHUNK_ELEMENTS // (a.shape[0] * x.shape[2]))
        result = x.new_empty(x.shape[0], c.shape[0], x.shape[2])
        for start in range(0, x.shape[0], rows):
            part = slice(start, start + rows)
            product = torch.matmul(a, x[part]).mul_(torch.matmul(b, y[part]))
            result[part] = torch.matmul(c, product)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, a, b, c = ctx.saved_tensors
        for_x = _SphereProduct.apply(grad, y, c.T, b, a.T) if ctx.needs_input_grad[0] else None
        for_y = _SphereProduct.apply(x, grad, a, c.T, b.T) if ctx.needs_input_grad[1] else None
        return for_x, for_y, None, None, None


def sphere_product(x: Tensor, y: Tensor, to_grid: Tensor, from_grid: Tensor) -> Tensor:
    """Coefficients of the product of two signals, channel by channel.

    Args:
        x, y: ``[E, S, channels]`` coefficients.
        to_grid: ``[G, S]`` from coefficients to grid values.
        from_grid: ``[S, G]`` and back.

    Returns:
        ``[E, S, channels]``.
    """
    return _SphereProduct.apply(x, y, to_grid, to_grid, from_grid)


def plain_sphere_product(x: Tensor, y: Tensor, to_grid: Tensor, from_grid: Tensor) -> Tensor:
    """:func:`sphere_product` with all grid values at once."""
    return from_grid @ ((to_grid @ x) * (to_grid @ y))
