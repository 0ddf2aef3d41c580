"""Directions that break careless frames: the axes, their surroundings, and ordinary ones."""

import torch
from torch import Tensor


def hard_directions() -> Tensor:
    """``[D, 3]`` unit vectors in float64: ±x, ±y, ±z, all of these tilted by 1e-6, and some at random."""
    axes = torch.cat([torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    generator = torch.Generator().manual_seed(0)
    tilt = 1e-6 * torch.randn(24, 3, dtype=torch.float64, generator=generator)
    random = torch.randn(20, 3, dtype=torch.float64, generator=generator)
    return torch.nn.functional.normalize(torch.cat([axes, axes.repeat(4, 1) + tilt, random]), dim=-1)
