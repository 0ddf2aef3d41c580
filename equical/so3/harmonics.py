"""Real spherical harmonics as polynomials of a unit vector, differentiable any number of times."""

from math import factorial, sqrt

import torch
from torch import Tensor

__all__ = ["spherical_harmonics"]


def spherical_harmonics(directions: Tensor, lmax: int) -> Tensor:
    """Component-normalised real spherical harmonics with polar axis y.

    Uses ``(z + ix)^m = A + iB`` for the azimuth and the recursion of the associated Legendre polynomials, stripped of
    their singular factor, for the polar angle; so the result is a polynomial without special directions.

    Args:
        directions: ``[..., 3]`` unit vectors.
        lmax: highest degree.

    Returns:
        ``[..., (lmax + 1)²]`` in degree order (l² + l + m); +m goes with cos(mα), −m with sin(mα).
    """
    x, y, z = directions.unbind(-1)
    legendre = _reduced_legendre(y, lmax)
    cosine, sine = torch.ones_like(y), torch.zeros_like(y)
    columns: list[Tensor] = [y] * (lmax + 1) ** 2
    for m in range(lmax + 1):
        for degree in range(m, lmax + 1):
            norm = sqrt((2 * degree + 1) * factorial(degree - m) / factorial(degree + m)) * (sqrt(2.0) if m else 1.0)
            polar = norm * legendre[degree, m]
            center = degree * degree + degree
            columns[center + m] = polar * cosine
            if m:
                columns[center - m] = polar * sine
        cosine, sine = cosine * z - sine * x, cosine * x + sine * z
    return torch.stack(columns, dim=-1)


def _reduced_legendre(y: Tensor, lmax: int) -> dict[tuple[int, int], Tensor]:
    """Associated Legendre polynomials of y divided by (1 − y²)^(m/2), keyed by (degree, order)."""
    table: dict[tuple[int, int], Tensor] = {}
    diagonal = 1.0
    for m in range(lmax + 1):
        table[m, m] = torch.full_like(y, diagonal)
        if m < lmax:
            table[m + 1, m] = (2 * m + 1) * diagonal * y
        for degree in range(m + 2, lmax + 1):
            previous, before = table[degree - 1, m], table[degree - 2, m]
            table[degree, m] = ((2 * degree - 1) * y * previous - (degree + m - 1) * before) / (degree - m)
        diagonal *= 2 * m + 1
    return table
