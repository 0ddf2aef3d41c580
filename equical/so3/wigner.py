"""Wigner matrices of any degree from the 3×3 rotation, by coupling one more vector at each step.

D_l is the part of D_{l−1} ⊗ R that transforms with degree l. The coupling coefficients are integrals of three
harmonics, done exactly by quadrature once; no table is shipped. The result is a polynomial in the entries of R, so it has
no singular direction and can be differentiated twice.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from equical.so3.coefficients import degree_order_size, edge_degrees, edge_index
from equical.so3.harmonics import spherical_harmonics
from equical.so3.sphere_grid import gauss_legendre_grid

__all__ = ["edge_wigner", "wigner_blocks"]


@cache
def _coupling(degree: int) -> np.ndarray:
    """Orthonormal coefficients ``[2l+1, 2l−1, 3]`` that couple degrees l−1 and 1 to l, in float64."""
    points, weights = gauss_legendre_grid(2 * degree, 2 * degree)
    harmonics = spherical_harmonics(points, degree)
    upper = harmonics[:, degree**2 :]
    lower = harmonics[:, (degree - 1) ** 2 : degree**2]
    integrals = torch.einsum("g,gm,ga,gi->mai", weights, upper, lower, points).numpy()
    return integrals / np.linalg.norm(integrals[0])


@cache
def _recursion_matrix(degree: int) -> np.ndarray:
    """``[(2l−1)²·9, (2l+1)²]``: maps D_{l−1} ⊗ R, flattened, to D_l, flattened."""
    coupling = _coupling(degree)
    matrix = np.einsum("mai,nbj->abijmn", coupling, coupling)
    return matrix.reshape((2 * degree - 1) ** 2 * 9, (2 * degree + 1) ** 2)


def wigner_blocks(rotations: Tensor, lmax: int) -> list[Tensor]:
    """Wigner matrices D_0 … D_lmax of rotation matrices.

    Args:
        rotations: ``[E, 3, 3]`` proper rotations acting on column vectors (x, y, z).
        lmax: highest degree.

    Returns:
        One ``[E, 2l+1, 2l+1]`` tensor for each degree, with Y_l(R r) = D_l(R) Y_l(r). Good to about 1e-15 in float64.
    """
    count = rotations.shape[0]
    blocks = [rotations.new_ones(count, 1, 1), rotations][: lmax + 1]
    for degree in range(2, lmax + 1):
        matrix = torch.as_tensor(_recursion_matrix(degree), dtype=rotations.dtype, device=rotations.device)
        product = blocks[-1].reshape(count, -1, 1) * rotations.reshape(count, 1, 9)
        size = 2 * degree + 1
        blocks.append((product.view(count, matrix.shape[0]) @ matrix).view(count, size, size))
    return blocks


def edge_wigner(rotations: Tensor, lmax: int, mmax: int) -> Tensor:
    """Matrices that take coefficients on atoms (degree order) into the edge frame (order-major order, |m| ≤ mmax).

    Returns:
        ``[E, edge_size, (lmax + 1)²]``, block-sparse: a row of degree l is zero outside the columns of that degree.
    """
    width = degree_order_size(lmax)
    padded = [
        torch.nn.functional.pad(block, (degree**2, width - (degree + 1) ** 2))
        for degree, block in enumerate(wigner_blocks(rotations, lmax))
    ]
    rows = torch.tensor(edge_index(lmax, mmax), device=rotations.device)
    assert len(rows) == len(edge_degrees(lmax, mmax))
    return torch.cat(padded, dim=1).index_select(1, rows)
