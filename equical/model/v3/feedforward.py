"""Feed-forward network on the sphere around each atom."""

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import SO3Linear, add_invariants
from equical.model.kernels.joints import cut
from equical.model.kernels.sphere_product import sphere_product
from equical.so3.sphere_grid import sphere_grid

__all__ = ["FeedForward"]


class FeedForward(nn.Module):
    """Point-wise SwiGLU on a grid around each atom, next to a SwiGLU of its invariants (EquiformerV3).

    A linear map of channels is the same on coefficients and on grid values, which are several times as many. So both
    linear layers of the grid and its gate, one number for each atom and channel, act on coefficients; what remains on
    the grid is a product.
    """

    to_grid: Tensor
    from_grid: Tensor

    def __init__(self, lmax: int, channels: int, hidden: int, resolution: tuple[int, int] | None):
        super().__init__()
        self.so3_linear_1 = SO3Linear(lmax, channels, hidden)
        self.scalar_linear = nn.Linear(channels, 2 * hidden)
        self.gate_linear = nn.Linear(channels, hidden)
        self.grid_linear_1 = nn.Linear(hidden, 2 * hidden, bias=False)
        self.grid_linear_2 = nn.Linear(hidden, hidden, bias=False)
        self.so3_linear_2 = SO3Linear(lmax, hidden, channels)
        grid = sphere_grid(lmax, None, resolution)
        self.register_buffer("to_grid", grid.to_grid, persistent=False)
        self.register_buffer("from_grid", grid.from_grid, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]``, same shape out."""
        invariants = x[:, 0]
        first, second = self.scalar_linear(invariants).chunk(2, dim=-1)
        gate = torch.sigmoid(self.gate_linear(invariants))
        pair = self.grid_linear_1(self.so3_linear_1(x))
        left, right = cut(pair, [pair.shape[-1] // 2] * 2, dim=-1)
        y = sphere_product(left, right, self.to_grid, self.from_grid) * gate[:, None, :]
        return self.so3_linear_2(add_invariants(self.grid_linear_2(y), nn.functional.silu(first) * second))
