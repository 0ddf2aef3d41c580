"""Delaunay triangulation of points in a periodic plane, with cells of more than three points kept whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay

__all__ = ["PlaneTiling", "tile_plane"]

Corner = tuple[int, int, int]
"""A point of the plane: its index, and the whole lattice vectors along a and b to its periodic image."""


@dataclass(frozen=True)
class PlaneTiling:
    """Edges and polygons of one period of the plane, each given by its corners.

    Attributes:
        edges: pairs of neighbouring points that have no third point inside the circle around them.
        polygons: triangles, and polygons where four or more points lie on one circle.
    """

    edges: tuple[tuple[Corner, ...], ...]
    polygons: tuple[tuple[Corner, ...], ...]


def tile_plane(points: np.ndarray, cell: np.ndarray, length: float) -> PlaneTiling:
    """Triangulate periodic points and merge triangles that share a circumscribed circle.

    Args:
        points: ``[N, 2]``.
        cell: ``[2, 2]``, rows are the lattice vectors.
        length: typical distance between neighbours: circumcentres within 0.15 of it count as the same, and the widest
            hole that is looked across measures some six of them.
    """
    corners, positions = _replicate(points, cell, 6 * length)
    triangles = Delaunay(positions).simplices
    centres, radii = _circumcircles(positions[triangles])
    whole = radii < 3 * length  # what is left out are slivers along the rim of the patch
    triangles, centres = triangles[whole], centres[whole]
    edges, neighbours, spanned = _edges(triangles, positions, length)
    apart = np.linalg.norm(centres[neighbours[:, 0]] - centres[neighbours[:, 1]], axis=1)
    polygon = _merge(len(triangles), neighbours[apart < 0.15 * length])
    diagonal = polygon[neighbours[:, 0]] == polygon[neighbours[:, 1]]
    members = [np.unique(triangles[polygon == label]) for label in range(polygon.max() + 1)]
    return PlaneTiling(
        edges=_one_period(list(edges[spanned & ~diagonal]), corners, positions, cell),
        polygons=_one_period(members, corners, positions, cell),
    )


def _replicate(points: np.ndarray, cell: np.ndarray, margin: float) -> tuple[list[Corner], np.ndarray]:
    """Periodic images out to ``margin`` around the home cell, and which point and image each is."""
    area = abs(np.linalg.det(cell))
    heights = area / np.linalg.norm(cell[::-1], axis=1)  # of the cell above its own a and b
    na, nb = np.ceil(margin / heights).astype(int)
    corners = [(i, a, b) for a in range(-na, na + 1) for b in range(-nb, nb + 1) for i in range(len(points))]
    return corners, np.array([points[i] + a * cell[0] + b * cell[1] for i, a, b in corners])


def _circumcircles(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres ``[T, 2]`` and radii ``[T]`` of the circles through triangles ``[T, 3, 2]``; infinite if degenerate."""
    b, c = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    twice_area = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    b2, c2 = (b**2).sum(axis=1), (c**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.stack([c[:, 1] * b2 - b[:, 1] * c2, b[:, 0] * c2 - c[:, 0] * b2], axis=1) / twice_area[:, None]
    offset[np.abs(twice_area) < 1e-6 * (b2 + c2)] = np.inf
    return triangles[:, 0] + offset, np.linalg.norm(offset, axis=1)


def _edges(triangles: np.ndarray, positions: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sides that two triangles share.

    Returns:
        ``[M, 2]`` their ends; ``[M, 2]`` the two triangles; ``[M]`` bool, whether no third point is closer to the
        middle than the ends, for which the two triangles' far corners suffice.
    """
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    far = triangles[:, [2, 0, 1]].ravel()
    middle = positions[sides].mean(axis=1)
    half = np.linalg.norm(positions[sides[:, 0]] - middle, axis=1)
    clear = np.linalg.norm(positions[far] - middle, axis=1) > half - 0.01 * length
    order = np.lexsort(sides.T)
    first = np.flatnonzero((np.diff(sides[order], axis=0) == 0).all(axis=1))
    one, other = order[first], order[first + 1]
    return sides[one], np.stack([one, other], axis=1) // 3, clear[one] & clear[other]


def _merge(count: int, pairs: np.ndarray) -> np.ndarray:
    """``[count]`` label of the group that each triangle falls into when ``pairs`` are joined."""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _one_period(
    shapes: list[np.ndarray], corners: list[Corner], positions: np.ndarray, cell: np.ndarray
) -> tuple[tuple[Corner, ...], ...]:
    """Of shapes that repeat with the lattice, the one image whose middle lies in the home cell."""
    inverse = np.linalg.inv(cell)
    kept: dict[tuple[Corner, ...], None] = {}
    for shape in shapes:
        middle = positions[shape].mean(axis=0) @ inverse
        if (middle > -0.01).all() and (middle < 1.01).all():
            members = sorted(corners[point] for point in shape)
            _, a, b = members[0]  # images on opposite borders of the cell become one if the first corner is moved home
            kept[tuple(sorted((i, p - a, q - b) for i, p, q in members))] = None
    return tuple(kept)
