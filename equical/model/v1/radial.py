"""How distances enter: three published sets of functions, and the network that makes weights of them."""

from math import exp, pi, sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.radial import polynomial_envelope
from equical.model.v1.config import EquiformerV1Config

__all__ = ["BesselBasis", "ExpNormalBasis", "RadialNetwork", "TrainedGaussians", "radial_basis"]


class ExpNormalBasis(nn.Module):
    """½ (1 + cos πu) exp(−β (e^(−5u) − μ_k)²) with u = d/cutoff, and μ_k from e^(−cutoff/Å) to 1 (PhysNet)."""

    centers: Tensor

    def __init__(self, cutoff: float, num_radial: int):
        super().__init__()
        self.cutoff, start = cutoff, exp(-cutoff)
        self.sharpness = (2 / num_radial * (1 - start)) ** -2
        step = (1 - start) / (num_radial - 1)
        centers = torch.tensor([start + k * step for k in range(num_radial)], dtype=torch.float64)
        self.register_buffer("centers", centers, persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """Distances ``[E]`` (Å) to features ``[E, num_radial]``."""
        u = (distances / self.cutoff).clamp(max=1.0)[:, None]
        bells = torch.exp(-self.sharpness * (torch.exp(-5 * u) - self.centers).square())
        return 0.5 * (1 + torch.cos(pi * u)) * bells


class BesselBasis(nn.Module):
    """√(2/cutoff³) sin(ω_k u)/u with u = d/cutoff, times the polynomial envelope (DimeNet); the ω_k are learned."""

    def __init__(self, cutoff: float, num_radial: int):
        super().__init__()
        self.cutoff = cutoff
        self.frequencies = nn.Parameter(pi * torch.arange(1, num_radial + 1))

    def forward(self, distances: Tensor) -> Tensor:
        """Distances ``[E]`` (Å) to features ``[E, num_radial]``."""
        u = (distances / self.cutoff)[:, None]
        envelope = polynomial_envelope(distances, self.cutoff)[:, None]
        return envelope * sqrt(2 / self.cutoff**3) * torch.sin(self.frequencies * u) / u


class TrainedGaussians(nn.Module):
    """Normal distributions over d/cutoff, whose centres and widths are learned (Graphormer)."""

    PI = 3.14159
    """As published, where it stands in the norm of the distributions."""

    def __init__(self, cutoff: float, num_radial: int):
        super().__init__()
        self.cutoff = cutoff
        self.mean = nn.Parameter(torch.empty(num_radial))
        self.std = nn.Parameter(torch.empty(num_radial))
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))
        nn.init.uniform_(self.mean, 0.0, 1.0)
        nn.init.uniform_(self.std, 1 / num_radial, 1.0)

    def forward(self, distances: Tensor) -> Tensor:
        """Distances ``[E]`` (Å) to features ``[E, num_radial]``."""
        u = (self.scale * (distances / self.cutoff) + self.bias)[:, None]
        width = self.std.abs() + 1e-5
        return torch.exp(-0.5 * ((u - self.mean) / width).square()) / (sqrt(2 * self.PI) * width)


def radial_basis(config: EquiformerV1Config) -> nn.Module:
    """Distances ``[E]`` (Å) to features ``[E, num_radial]``."""
    kinds = {"exp": ExpNormalBasis, "bessel": BesselBasis, "gaussian": TrainedGaussians}
    return kinds[config.radial_basis](config.cutoff, config.num_radial)


class RadialNetwork(nn.Module):
    """Three linear layers on functions of the distance, with layer norm and SiLU between."""

    def __init__(self, config: EquiformerV1Config, outputs: int):
        super().__init__()
        width = config.radial_channels
        self.linear_1 = nn.Linear(config.num_radial, width)
        self.norm_1 = nn.LayerNorm(width)
        self.linear_2 = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.linear_3 = nn.Linear(width, outputs)
        for linear in (self.linear_1, self.linear_2):
            nn.init.zeros_(linear.bias)

    def forward(self, basis: Tensor) -> Tensor:
        """``[E, num_radial]`` to ``[E, outputs]``."""
        hidden = nn.functional.silu(self.norm_1(self.linear_1(basis)))
        hidden = nn.functional.silu(self.norm_2(self.linear_2(hidden)))
        return self.linear_3(hidden)
