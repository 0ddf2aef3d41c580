"""Normalisation of coefficients that keeps the balance between degrees."""

import torch
from torch import Tensor, nn

from equical.model.bricks.linear import add_invariants
from equical.model.kernels.joints import cut, join
from equical.so3.coefficients import degree_of

__all__ = ["MergedLayerNorm"]


class MergedLayerNorm(nn.Module):
    """One root mean square over all degrees, degree zero centred (EquiformerV3, "merged layer normalisation")."""

    degrees: Tensor
    balance: Tensor

    def __init__(self, lmax: int, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(lmax + 1, channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("degrees", torch.tensor(degree_of(lmax)), persistent=False)
        balance = [[1 / ((2 * degree + 1) * (lmax + 1) * channels)] for degree in degree_of(lmax)]
        self.register_buffer("balance", torch.tensor(balance, dtype=torch.float64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]``, same shape out."""
        scalars, rest = cut(x, [1, x.shape[1] - 1], dim=1)
        x = join([scalars - scalars.mean(dim=-1, keepdim=True), rest], dim=1)
        variance = (x.square() * self.balance).sum(dim=(1, 2), keepdim=True)
        y = x * (variance + self.eps).rsqrt() * self.weight.index_select(0, self.degrees)
        return add_invariants(y, self.bias)
