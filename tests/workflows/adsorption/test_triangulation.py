"""The triangulation of a periodic plane: it covers the plane once, and only true neighbours are joined."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from equical.workflows.adsorption.triangulation import tile_plane


def place(corners, points, cell):
    return np.array([points[i] + a * cell[0] + b * cell[1] for i, a, b in corners])


@pytest.mark.parametrize("seed", range(8))
def test_polygons_cover_the_plane_once(seed):
    rng = np.random.default_rng(seed)
    cell = np.array([[7.0, 0.0], [rng.uniform(-3, 3), rng.uniform(5, 9)]])
    points = rng.random((rng.integers(1, 7), 2)) @ cell
    tiling = tile_plane(points, cell, length=4.0)
    area = sum(ConvexHull(place(polygon, points, cell)).volume for polygon in tiling.polygons)
    assert area == pytest.approx(np.linalg.det(cell))


def test_four_points_on_a_circle_are_one_polygon():
    square = tile_plane(np.zeros((1, 2)), 3 * np.eye(2), length=3.0)
    assert [len(polygon) for polygon in square.polygons] == [4]
    assert sorted(np.linalg.norm(np.diff(place(e, np.zeros((1, 2)), 3 * np.eye(2)), axis=0)) for e in square.edges) == [
        3,
        3,
    ]


def test_no_edge_passes_beside_a_third_point():
    """From (0, 0) to (3, 0) a triangle has a side, but (1.5, 1.2) is closer to its middle than the ends are."""
    points, cell = np.array([[0.0, 0.0], [1.5, 1.2], [1.5, 3.4]]), np.diag([3.0, 6.0])
    tiling = tile_plane(points, cell, length=3.0)
    assert ((0, 0, 0), (0, 1, 0)) not in tiling.edges
    assert ((1, 0, 0), (2, 0, 0)) in tiling.edges
