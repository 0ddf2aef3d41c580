"""Wigner matrices of any degree from the 3×3 rotation, by coupling one more vector at each step.

D_l is the part of D_{l−1} ⊗ R that transforms with degree l. The coupling coefficients are integrals of three
harmonics, done exactly by quadrature once; no table is shipped. The result is a polynomial in the entries of R, so it
has no singular direction and can be differentiated twice.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from equical.so3.coefficients import degree_order_size, edge_index, edge_rescale, edge_size
from equical.so3.harmonics import spherical_harmonics
from equical.so3.sphere_grid import gauss_legendre_grid

__all__ = ["EdgeRotations", "edge_rotations", "wigner_blocks"]


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


@cache
@torch.inference_mode(False)
def _recursion_tensor(degree: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept on the device: a copy in every step would make the host wait, and cannot be part of a CUDA graph."""
    return torch.as_tensor(_recursion_matrix(degree), dtype=dtype, device=device)


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
        matrix = _recursion_tensor(degree, rotations.dtype, rotations.device)
        product = blocks[-1].reshape(count, (2 * degree - 1) ** 2, 1) * rotations.reshape(count, 1, 9)
        size = 2 * degree + 1
        blocks.append((product.view(count, matrix.shape[0]) @ matrix).view(count, size, size))
    return blocks


@dataclass(frozen=True)
class EdgeRotations:
    """Rotations of coefficients between E edges and their atoms.

    Attributes:
        into_frame: ``[E, S, (lmax + 1)²]`` from atoms (degree order) to the edge (order-major order, |m| ≤ mmax).
        out_of_frame: ``[E, (lmax + 1)², S]`` the transpose, scaled to make up for the orders dropped.
        axial: ``[E, (lmax + 1)², lmax + 1]`` the columns of ``out_of_frame`` for m = 0: harmonics of the edge.
    """

    into_frame: Tensor
    out_of_frame: Tensor
    axial: Tensor


def edge_rotations(rotations: Tensor, lmax: int, mmax: int) -> EdgeRotations:
    """Rotations of coefficients for frames ``[E, 3, 3]`` that turn each edge onto the polar axis."""
    count, rows, columns = rotations.shape[0], edge_size(lmax, mmax), degree_order_size(lmax)
    packed = torch.cat([block.flatten(1) for block in wigner_blocks(rotations, lmax)], dim=1)
    matrices = _unpacking_tensors(lmax, mmax, rotations.dtype, rotations.device)
    into, out, axial = (packed @ matrix for matrix in matrices)
    return EdgeRotations(
        into.view(count, rows, columns), out.view(count, columns, rows), axial.view(count, columns, lmax + 1)
    )


@cache
def _unpacking_matrices(lmax: int, mmax: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Place the entries of packed Wigner blocks: a product with a constant differentiates better than indexing."""
    index, rescale, columns = edge_index(lmax, mmax), edge_rescale(lmax, mmax), degree_order_size(lmax)
    packed_size = sum((2 * degree + 1) ** 2 for degree in range(lmax + 1))
    into = np.zeros((packed_size, len(index), columns))
    for row, position in enumerate(index):
        degree = int(position**0.5)
        start = sum((2 * lower + 1) ** 2 for lower in range(degree)) + (position - degree**2) * (2 * degree + 1)
        for column in range(2 * degree + 1):
            into[start + column, row, degree**2 + column] = 1.0
    out = (into * np.array(rescale)[:, None]).transpose(0, 2, 1)
    return tuple(matrix.reshape(packed_size, -1) for matrix in (into, out, out[:, :, : lmax + 1]))  # type: ignore[return-value]


@cache
@torch.inference_mode(False)
def _unpacking_tensors(lmax: int, mmax: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    return tuple(torch.as_tensor(matrix, dtype=dtype, device=device) for matrix in _unpacking_matrices(lmax, mmax))
