"""Where a coefficient (l, m) sits: degree order on atoms, order-major order on edges.

On an edge, rotations about the edge mix only +m with −m, so the SO(2) layers want all coefficients of one order
together. Orders above ``mmax`` are dropped there (eSCN, arXiv 2302.03655).
"""

from functools import cache
from math import sqrt

__all__ = ["degree_of", "degree_order_size", "edge_degrees", "edge_index", "edge_rescale", "edge_size"]


def degree_order_size(lmax: int) -> int:
    """Number of coefficients up to degree lmax."""
    return (lmax + 1) ** 2


@cache
def degree_of(lmax: int) -> tuple[int, ...]:
    """Degree of each coefficient in degree order."""
    return tuple(degree for degree in range(lmax + 1) for _ in range(2 * degree + 1))


@cache
def edge_index(lmax: int, mmax: int) -> tuple[int, ...]:
    """Positions (in degree order) of the coefficients kept on edges, in order-major order.

    >>> edge_index(2, 1)
    (0, 2, 6, 3, 7, 1, 5)
    """
    index = [degree * degree + degree for degree in range(lmax + 1)]
    for m in range(1, mmax + 1):
        centers = [degree * degree + degree for degree in range(m, lmax + 1)]
        index += [center + m for center in centers] + [center - m for center in centers]
    return tuple(index)


@cache
def edge_degrees(lmax: int, mmax: int) -> tuple[int, ...]:
    """Degree of each coefficient kept on edges, in order-major order."""
    degrees = degree_of(lmax)
    return tuple(degrees[position] for position in edge_index(lmax, mmax))


def edge_size(lmax: int, mmax: int) -> int:
    """Number of coefficients kept on edges."""
    return len(edge_index(lmax, mmax))


@cache
def edge_rescale(lmax: int, mmax: int) -> tuple[float, ...]:
    """Factor for each edge coefficient that makes up for the orders dropped: √((2l+1)/(2·mmax+1)) where l > mmax."""
    return tuple(sqrt((2 * d + 1) / (2 * mmax + 1)) if d > mmax else 1.0 for d in edge_degrees(lmax, mmax))
