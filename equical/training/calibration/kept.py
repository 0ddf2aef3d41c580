"""Which atoms of the data are kept, so that the distances of others to them tell what is unlike all of the data."""

from __future__ import annotations

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from equical.training.calibration.seen import Seen
from equical.uncertainty import Surroundings

__all__ = ["surroundings_of", "within_reach"]

DIRECTIONS = 16
"""That atoms are compared in, at most."""

FAINTEST = 1e-6
"""Of all variance of what atoms are embedded as; a direction with less is closer to rounding."""

KEPT, MOST_KEPT = 2500, 64
"""Atoms of all elements together, and of one: some 90 kB for a model of all elements."""

TYPICAL = 0.9
"""Share of the atoms of an element that are closer to those kept than what its distances are measured in."""

SHARED = 50
"""Atoms of all elements together that count among those of each, whose own may be few."""

RARE = 0.99
"""Share of held-out structures whose atoms are all within reach."""


def surroundings_of(seen: Seen) -> Surroundings:
    """Choose directions and atoms; distances are measured in what is typical of each element."""
    numbers = np.concatenate(seen.numbers)
    embedded = np.concatenate([one.embedded for one in seen.features]).astype(float)
    elements = np.unique(numbers)
    deviations = embedded.copy()
    for z in elements:
        deviations[numbers == z] -= embedded[numbers == z].mean(axis=0)
    projection = _directions(deviations)
    most, rows = min(max(KEPT // len(elements), 2), MOST_KEPT), len(chemical_symbols)
    kept = np.zeros((rows, most, len(projection)))
    left: dict[int, NDArray[np.float64]] = {}
    for z in elements:
        points = embedded[numbers == z] @ projection.T
        chosen = _apart(points, most)
        kept[z] = np.resize(points[chosen], kept[z].shape)
        left[int(z)] = cdist(np.delete(points, chosen, axis=0), kept[z]).min(axis=1)
    common, reach = _typical(np.concatenate(list(left.values())), 1.0), np.zeros(rows)
    for z, own in left.items():
        reach[z] = (len(own) * _typical(own, common) + SHARED * common) / (len(own) + SHARED)
    return Surroundings(projection, kept, reach)


def within_reach(farthest: NDArray[np.float64]) -> float:
    """By what ``reach`` is multiplied so that all but a few held-out structures are within it.

    Args:
        farthest: of each structure (``[S]``) the distance of its farthest atom.
    """
    known = farthest[np.isfinite(farthest)]
    return float(np.quantile(known, RARE)) or 1.0 if len(known) else 1.0


def _directions(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[K, C]`` in which deviations ``[N, C]`` are largest, made equally large."""
    variances, vectors = np.linalg.eigh(deviations.T @ deviations / len(deviations))
    order = np.argsort(-variances)[:DIRECTIONS]
    order = order[variances[order] > max(FAINTEST * variances.sum(), 1e-12)]
    order = order if len(order) else np.array([variances.argmax()])
    return (vectors[:, order] / np.sqrt(np.maximum(variances[order], 1e-12))).T


def _apart(points: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Indices of points ``[N, K]``, each as far as can be from those before it; of the same points only one."""
    first = int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())
    chosen, nearest = [first], np.linalg.norm(points - points[first], axis=1)
    while len(chosen) < most and nearest.max() > 0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def _typical(distances: NDArray[np.float64], otherwise: float) -> float:
    return (float(np.quantile(distances, TYPICAL)) if len(distances) else 0.0) or otherwise
