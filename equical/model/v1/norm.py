"""Normalisation of features, each degree by itself."""

import torch
from torch import nn

from equical.model.v1.irreps import SCALAR, Features, Irreps

__all__ = ["IrrepsLayerNorm"]


class IrrepsLayerNorm(nn.Module):
    """Divide features of each kind by their root mean square; scalars are centred before and get a bias."""

    def __init__(self, irreps: Irreps, eps: float = 1e-5):
        super().__init__()
        self.irreps, self.eps = irreps, eps
        self.weight = nn.Parameter(torch.ones(irreps.count))
        self.bias = nn.Parameter(torch.zeros(irreps.num_scalars))

    def forward(self, x: Features) -> Features:
        """Features of ``irreps``, the same out."""
        result, first = [], 0
        for part, (channels, kind) in zip(x, self.irreps.parts, strict=True):
            if kind == SCALAR:
                part = part - part.mean(dim=2, keepdim=True)
            scale = (part.square().mean(dim=(1, 2), keepdim=True) + self.eps).rsqrt()
            part = part * (scale * self.weight[first : first + channels])
            result.append(part + self.bias if kind == SCALAR else part)
            first += channels
        return tuple(result)
