"""Non-linearities on edges that commute with rolls about the edge."""

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import add_invariants
from equical.model.kernels.joints import cut, join
from equical.model.kernels.sphere_product import sphere_product
from equical.so3.coefficients import edge_degrees
from equical.so3.sphere_grid import sphere_grid

__all__ = ["GateActivation", "SphereProduct", "smooth_leaky_relu"]


def smooth_leaky_relu(x: Tensor) -> Tensor:
    """0.6 x + 0.4 x (2σ(x) − 1): slope 0.2 far below zero and 1 far above, smooth between."""
    return 0.2 * x + 0.8 * nn.functional.silu(x)


class SphereProduct(nn.Module):
    """SwiGLU-S² (EquiformerV3): the product of two signals on the sphere, gated, plus a SwiGLU of invariants.

    A product is a polynomial, so on a grid that resolves it the result is exactly equivariant.
    """

    to_grid: Tensor
    from_grid: Tensor

    def __init__(self, lmax: int, mmax: int, channels: int, resolution: tuple[int, int] | None):
        super().__init__()
        self.channels = channels
        self.num_signals, self.num_scalars = 2, 3 * channels
        grid = sphere_grid(lmax, mmax, resolution)
        self.register_buffer("to_grid", grid.to_grid, persistent=False)
        self.register_buffer("from_grid", grid.from_grid, persistent=False)

    def forward(self, scalars: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Invariants ``[E, 3·channels]`` and two signals ``[E, S, channels]`` to one."""
        first, second, gate = cut(scalars, [self.channels] * 3, dim=1)
        y = sphere_product(x, y, self.to_grid, self.from_grid) * torch.sigmoid(gate)[:, None, :]
        return add_invariants(y, nn.functional.silu(first) * second)


class GateActivation(nn.Module):
    """SiLU on degree zero and a sigmoid gate for each higher degree and channel."""

    gate_index: Tensor

    def __init__(self, lmax: int, mmax: int, channels: int):
        super().__init__()
        self.lmax, self.channels = lmax, channels
        self.num_signals, self.num_scalars = 1, lmax * channels
        higher = [degree - 1 for degree in edge_degrees(lmax, mmax)[1:]]
        self.register_buffer("gate_index", torch.tensor(higher), persistent=False)

    def forward(self, scalars: Tensor, x: Tensor) -> Tensor:
        """Gates ``[E, lmax·channels]`` and a signal ``[E, S, channels]`` to ``[E, S, channels]``."""
        gates = torch.sigmoid(scalars).view(-1, self.lmax, self.channels).index_select(1, self.gate_index)
        invariants, rest = cut(x, [1, x.shape[1] - 1], dim=1)
        return join([nn.functional.silu(invariants), rest * gates], dim=1)
