"""Symmetric 3×3 tensors as coefficients of degree 0 and 2."""

from functools import cache
from math import sqrt

import torch
from torch import Tensor

__all__ = ["symmetric_tensor_basis"]


@cache
def symmetric_tensor_basis() -> Tensor:
    """``[9, 3, 3]`` float64: orthonormal tensors that turn like the harmonics of degree 0, 1 (zero: none is symmetric)
    and 2, in degree order."""
    with torch.device("cpu"):
        basis = torch.zeros(9, 3, 3, dtype=torch.float64)
        basis[0] = torch.eye(3, dtype=torch.float64) / sqrt(3)
        for row, (a, b) in ((4, (0, 2)), (5, (0, 1)), (7, (1, 2))):
            basis[row, a, b] = basis[row, b, a] = 1 / sqrt(2)
        basis[6] = torch.diag(torch.tensor([-1.0, 2.0, -1.0], dtype=torch.float64)) / sqrt(6)
        basis[8] = torch.diag(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)) / sqrt(2)
    return basis
