"""Grids on the sphere, and the matrices that take coefficients to grid values and back.

A product of two signals of degree L, projected on degree L, is exact on any grid that resolves degree 3L. The smallest
such grid is Gauss–Legendre in cos β times equal steps in azimuth; the published models use equal steps in β with
quadrature weights after Driscoll and Healy, which give the same numbers where they resolve enough.
"""

from dataclasses import dataclass
from functools import cache
from math import pi, sqrt

import numpy as np
import torch
from torch import Tensor

from equical.so3.coefficients import degree_of, edge_degrees, edge_index, edge_rescale
from equical.so3.harmonics import spherical_harmonics

__all__ = ["SphereGrid", "equiangular_grid", "gauss_legendre_grid", "sphere_grid"]


@dataclass(frozen=True)
class SphereGrid:
    """Transforms between S coefficients and G grid points, float64.

    Attributes:
        to_grid: ``[G, S]``, values = to_grid @ coefficients.
        from_grid: ``[S, G]``, coefficients = from_grid @ values; inverts ``to_grid`` if every order is kept.
    """

    to_grid: Tensor
    from_grid: Tensor


def gauss_legendre_grid(degree_polar: int, degree_azimuth: int) -> tuple[Tensor, Tensor]:
    """The smallest product grid that integrates exactly.

    Args:
        degree_polar: highest polynomial degree in cos β to integrate exactly.
        degree_azimuth: highest azimuthal frequency to integrate exactly.

    Returns:
        Unit vectors ``[G, 3]`` and weights ``[G]`` that sum to one, float64, azimuth running fastest.
    """
    cosines, weights = np.polynomial.legendre.leggauss(degree_polar // 2 + 1)
    return _product_grid(np.arccos(cosines), weights / 2, degree_azimuth + 1)


def equiangular_grid(resolution_polar: int, resolution_azimuth: int) -> tuple[Tensor, Tensor]:
    """Points at β = (b + ½)π/R_β, α = 2πa/R_α and their weights (sum one), as in :func:`gauss_legendre_grid`."""
    beta = (np.arange(resolution_polar) + 0.5) * pi / resolution_polar
    odd = 2 * np.arange(resolution_polar // 2) + 1
    weights = 2 / resolution_polar * np.sin(beta) * (np.sin(np.outer(beta, odd)) / odd).sum(axis=1)
    return _product_grid(beta, weights, resolution_azimuth)


def _product_grid(beta: np.ndarray, polar_weights: np.ndarray, resolution_azimuth: int) -> tuple[Tensor, Tensor]:
    alpha = 2 * pi * np.arange(resolution_azimuth) / resolution_azimuth
    beta_grid, alpha_grid = np.meshgrid(beta, alpha, indexing="ij")
    points = np.stack(
        [np.sin(beta_grid) * np.sin(alpha_grid), np.cos(beta_grid), np.sin(beta_grid) * np.cos(alpha_grid)], axis=-1
    )
    weights = np.repeat(polar_weights / resolution_azimuth, resolution_azimuth)
    return torch.from_numpy(points.reshape(-1, 3)), torch.from_numpy(weights)


@cache
def sphere_grid(lmax: int, mmax: int | None = None, resolution: tuple[int, int] | None = None) -> SphereGrid:
    """Transforms for signals of degree lmax, in the scaling of the Equiformer models.

    To the grid, a coefficient is multiplied by Y_lm/√((2l+1)(L+1)), so that a signal with unit-variance coefficients
    has unit variance on the grid; the way back undoes it.

    Args:
        lmax: highest degree L.
        mmax: ``None`` for coefficients on atoms (degree order); otherwise coefficients on edges (order-major order,
            |m| ≤ mmax), where degrees above mmax are scaled up both ways to make up for the dropped orders.
        resolution: (R_β, R_α) of an equiangular grid; ``None`` takes the smallest grid on which products are exact.
    """
    degrees, rescale, index = degree_of(lmax), (1.0,) * (lmax + 1) ** 2, tuple(range((lmax + 1) ** 2))
    if mmax is not None:
        degrees, rescale, index = edge_degrees(lmax, mmax), edge_rescale(lmax, mmax), edge_index(lmax, mmax)
    if resolution is None:
        points, weights = gauss_legendre_grid(3 * lmax, 3 * (lmax if mmax is None else mmax))
    else:
        points, weights = equiangular_grid(*resolution)
    harmonics = spherical_harmonics(points, lmax)[:, list(index)] * points.new_tensor(rescale)
    scale = points.new_tensor([sqrt((2 * degree + 1) * (lmax + 1)) for degree in degrees])
    return SphereGrid(to_grid=harmonics / scale, from_grid=(harmonics * scale * weights[:, None]).T.contiguous())
