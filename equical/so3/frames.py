"""A rotation that turns an edge onto the polar axis: deterministic, with exact derivatives in every direction."""

import torch
from torch import Tensor

__all__ = ["edge_frames"]


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
    flip = torch.where(directions[:, 1] < 0, -1.0, 1.0).to(directions.dtype)
    x, y, z = directions[:, 0], flip * directions[:, 1], flip * directions[:, 2]
    c = 1 / (1 + y)
    xzc = x * z * c
    rows = [1 - x * x * c, -x * flip, -xzc * flip, x, y * flip, z * flip, -xzc, -z * flip, (1 - z * z * c) * flip]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)
