"""A rotation that turns an edge onto the polar axis: deterministic, with exact derivatives in every direction."""

import torch
from torch import Tensor

__all__ = ["azimuthal_frames", "edge_frames"]


def edge_frames(directions: Tensor) -> Tensor:
    """Rotation matrices R with R·u = ŷ.

    R is the shortest rotation to ŷ for directions in the upper half-space and, for the lower one, the same after a half
    turn about x. Both charts are rational in u with a denominator of at least 1, so nothing diverges at ±y. They differ
    by a roll about the edge, to which the network is exactly invariant: the switch at u_y = 0 leaves no trace.

    Args:
        directions: ``[E, 3]`` unit vectors u.

    Returns:
        ``[E, 3, 3]`` proper rotations acting on column vectors.
    """
    flip = torch.where(directions[:, 1].detach() < 0, -1.0, 1.0).to(directions.dtype)
    x, y, z = directions.unbind(dim=1)
    y, z = flip * y, flip * z
    c = 1 / (1 + y)
    xzc = x * z * c
    rows = [1 - x * x * c, -x * flip, -xzc * flip, x, y * flip, z * flip, -xzc, -z * flip, (1 - z * z * c) * flip]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)


def azimuthal_frames(directions: Tensor) -> Tensor:
    """Rotations R with R·u = ŷ whose roll follows the azimuth: R = (R_y(α)·R_x(β))ᵀ, α = atan2(u_x, u_z), β = acos u_y.

    For networks that are invariant to the roll only up to the aliasing of their grids (EquiformerV2): published numbers
    are reproduced to rounding in this frame. It has no derivative at ±y, where α is taken to be zero.

    Args:
        directions: ``[E, 3]`` unit vectors u.

    Returns:
        ``[E, 3, 3]`` proper rotations acting on column vectors.
    """
    x, y, z = directions.unbind(-1)
    sine = torch.hypot(x, z)
    polar = sine == 0
    length = torch.where(polar, 1.0, sine)
    sine_alpha, cosine_alpha = x / length, torch.where(polar, 1.0, z / length)
    zero = torch.zeros_like(x)
    rows = [cosine_alpha, zero, -sine_alpha, x, y, z, sine_alpha * y, -sine, cosine_alpha * y]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)
