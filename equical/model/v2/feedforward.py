"""Feed-forward network of EquiformerV2 on the sphere around each atom."""

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import SO3Linear
from equical.model.v2.config import EquiformerV2Config
from equical.so3.sphere_grid import sphere_grid

__all__ = ["EnergyHead", "FeedForward"]


class FeedForward(nn.Module):
    """A three-layer network at each point of a grid; degree zero of the result comes from the invariants alone.

    The first and the last layer have no non-linearity between them and the grid, so they act on coefficients, which are
    fewer than grid values.
    """

    to_grid: Tensor
    from_grid: Tensor

    def __init__(self, config: EquiformerV2Config, outputs: int):
        super().__init__()
        lmax, channels, hidden = config.lmax, config.channels, config.ffn_hidden
        self.so3_linear_1 = SO3Linear(lmax, channels, hidden)
        self.scalar_linear = nn.Linear(channels, hidden)
        self.grid_linear_1 = nn.Linear(hidden, hidden, bias=False)
        self.grid_linear_2 = nn.Linear(hidden, hidden, bias=False)
        self.grid_linear_3 = nn.Linear(hidden, hidden, bias=False)
        self.so3_linear_2 = SO3Linear(lmax, hidden, outputs)
        grid = sphere_grid(lmax, None, config.node_grid)
        self.register_buffer("to_grid", grid.to_grid, persistent=False)
        self.register_buffer("from_grid", grid.from_grid[1:].contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, (lmax + 1)², outputs]``."""
        silu = nn.functional.silu
        signal = torch.matmul(self.to_grid, self.grid_linear_1(self.so3_linear_1(x)))
        signal = torch.matmul(self.from_grid, silu(self.grid_linear_2(silu(signal))))
        invariants = silu(self.scalar_linear(x[:, :1]))
        return self.so3_linear_2(torch.cat([invariants, self.grid_linear_3(signal)], dim=1))


class EnergyHead(FeedForward):
    """Energy of each atom: degree zero of a feed-forward with one output.

    Degree zero does not see the grid, so only the path of the invariants is evaluated; the weights of the other path
    are kept because published checkpoints hold them.
    """

    def __init__(self, config: EquiformerV2Config):
        super().__init__(config, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N]``."""
        invariants = nn.functional.silu(self.scalar_linear(x[:, 0]))
        energies = nn.functional.linear(invariants, self.so3_linear_2.weight[0], self.so3_linear_2.bias)
        return energies.squeeze(-1)
