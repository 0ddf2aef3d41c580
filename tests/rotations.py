"""Rotations, and e3nn's harmonics and matrices, which ours are held to."""

import warnings

import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # e3nn 0.5 compiles with TorchScript
    from e3nn import o3


def random_rotations(count: int, seed: int = 0) -> Tensor:
    """``[count, 3, 3]`` float64, proper."""
    normal = torch.randn(count, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    orthogonal = torch.linalg.qr(normal).Q
    return orthogonal * torch.linalg.det(orthogonal)[:, None, None]


def random_rotation(seed: int = 0) -> Tensor:
    """``[3, 3]`` float64, proper."""
    return random_rotations(1, seed)[0]


def rotation_from_angles(alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """``[..., 3, 3]`` R_y(α)·R_x(β)·R_y(γ) by e3nn."""
    return o3.angles_to_matrix(alpha, beta, gamma)


def e3nn_wigner_matrix(degree: int, *angles: Tensor) -> Tensor:
    """D of one degree, good to single precision."""
    return o3.wigner_D(degree, *angles)


def e3nn_harmonics(vectors: Tensor, lmax: int) -> Tensor:
    """Component-normalised harmonics of the directions of ``vectors [..., 3]``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return o3.spherical_harmonics(list(range(lmax + 1)), vectors, normalize=True, normalization="component")
