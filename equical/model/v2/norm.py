"""The layer norm of EquiformerV2: degree zero apart, all higher degrees together."""

import torch
from torch import Tensor, nn

from equical.so3.coefficients import degree_of

__all__ = ["SeparableLayerNorm"]


class SeparableLayerNorm(nn.Module):
    """Layer norm on degree zero; one root mean square over all higher degrees, each degree counting the same."""

    degrees: Tensor
    balance: Tensor

    def __init__(self, lmax: int, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.scalar_norm = nn.LayerNorm(channels, eps)
        self.weight = nn.Parameter(torch.ones(lmax, channels))
        degrees = degree_of(lmax)[1:]
        self.register_buffer("degrees", torch.tensor([degree - 1 for degree in degrees]), persistent=False)
        balance = [[1 / ((2 * degree + 1) * lmax * channels)] for degree in degrees]
        self.register_buffer("balance", torch.tensor(balance, dtype=torch.float64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]``, same shape out."""
        scalars, rest = x.split([1, len(self.degrees)], dim=1)
        variance = (rest.square() * self.balance).sum(dim=(1, 2), keepdim=True)
        rest = rest * (variance + self.eps).rsqrt() * self.weight.index_select(0, self.degrees)
        return torch.cat([self.scalar_norm(scalars), rest], dim=1)
