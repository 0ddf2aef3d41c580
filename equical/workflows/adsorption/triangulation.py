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
    sides, owners = _sides(triangles)
    pairs = _adjacent(sides, owners)
    same = np.linalg.norm(centres[pairs[:, 0]] - centres[pairs[:, 1]], axis=1) < 0.15 * length
    polygon = _merge(len(triangles), pairs[same])
    members = [np.unique(triangles[polygon == label]) for label in range(polygon.max() + 1)]
    edges = _outer_edges(sides, owners, polygon)
    edges = [edge for edge in edges if _is_bridge(edge, triangles, positions, length)]
    return PlaneTiling(
        edges=_one_period(edges, corners, positions, cell),
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


def _sides(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``[3T, 2]`` sides as sorted pairs of points, and ``[3T]`` the triangle each belongs to."""
    sides = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    return sides, np.repeat(np.arange(len(triangles)), 3)


def _adjacent(sides: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """``[M, 2]`` pairs of triangles that share a side."""
    order = np.lexsort(sides.T)
    shared = np.flatnonzero((np.diff(sides[order], axis=0) == 0).all(axis=1))
    return np.stack([owners[order[shared]], owners[order[shared + 1]]], axis=1)


def _merge(count: int, pairs: np.ndarray) -> np.ndarray:
    """``[count]`` label of the group that each triangle falls into when ``pairs`` are joined."""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _outer_edges(sides: np.ndarray, owners: np.ndarray, polygon: np.ndarray) -> list[np.ndarray]:
    """Sides between two different polygons; diagonals within one are left out."""
    between: dict[tuple[int, int], set[int]] = {}
    for (i, j), owner in zip(sides, owners, strict=True):
        between.setdefault((int(i), int(j)), set()).add(int(polygon[owner]))
    return [np.array(side) for side, groups in between.items() if len(groups) == 2]


def _is_bridge(edge: np.ndarray, triangles: np.ndarray, positions: np.ndarray, length: float) -> bool:
    """Whether no third point is closer to the middle of an edge than its ends; the adjoining triangles suffice."""
    middle = positions[edge].mean(axis=0)
    adjoining = triangles[np.isin(triangles, edge).sum(axis=1) == 2]
    others = np.setdiff1d(adjoining, edge)
    half = np.linalg.norm(positions[edge[0]] - middle)
    return bool((np.linalg.norm(positions[others] - middle, axis=1) > half - 0.01 * length).all())


def _one_period(
    shapes: list[np.ndarray], corners: list[Corner], positions: np.ndarray, cell: np.ndarray
) -> tuple[tuple[Corner, ...], ...]:
    """Of shapes that repeat with the lattice, the one image whose middle lies in the home cell."""
    kept: dict[tuple[Corner, ...], None] = {}
    for shape in shapes:
        middle = positions[shape].mean(axis=0) @ np.linalg.inv(cell)
        # Shapes that repeat have the same indices and the same shifts up to a common one: shift the first to zero.
        inside = ((middle > -0.01) & (middle < 1.01)).all()
        if inside:
            members = sorted(corners[point] for point in shape)
            _, a, b = members[0]
            kept[tuple(sorted((i, p - a, q - b) for i, p, q in members))] = None
    return tuple(kept)
