"""The point-wise non-linearity of EquiformerV2 on the sphere around an edge."""

import torch
from torch import Tensor, nn

from equical.so3.sphere_grid import sphere_grid

__all__ = ["SeparableSphereActivation"]


class SeparableSphereActivation(nn.Module):
    """SiLU at the points of a grid; degree zero of the result is replaced by SiLU of invariants.

    Section 4.3 of arXiv 2306.12059. SiLU is no polynomial: frequencies beyond what the grid resolves fold back, so the
    numbers belong to the published grid, and a roll about the edge changes them a little.
    """

    to_grid: Tensor
    from_grid: Tensor

    def __init__(self, lmax: int, mmax: int, resolution: tuple[int, int]):
        super().__init__()
        grid = sphere_grid(lmax, mmax, resolution)
        self.register_buffer("to_grid", grid.to_grid, persistent=False)
        self.register_buffer("from_grid", grid.from_grid[1:].contiguous(), persistent=False)

    def forward(self, x: Tensor, scalars: Tensor) -> Tensor:
        """Coefficients ``[E, S, channels]`` and invariants ``[E, channels]`` to ``[E, S, channels]``."""
        invariants = nn.functional.silu(scalars)[:, None, :]
        signal = nn.functional.silu(torch.matmul(self.to_grid, x))
        return torch.cat([invariants, torch.matmul(self.from_grid, signal)], dim=1)
