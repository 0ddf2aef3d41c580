"""Atomic layers: which heights belong together, along a line or around the period of a crystal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["group_heights", "group_periodic_heights"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BANDS = ((0.15, 0.4), (0.04, 0.15), (0.01, 0.04))
"""Å. Where the gap that separates layers is looked for: about a quarter of an Å, and less only where the planes of a
high-index face follow one another so closely that this would separate none."""

THICK = 1.0
"""Å. Heights that cover less than this may all belong to one layer, however buckled."""


def group_heights(heights: Floats) -> Integers:
    """``[N]`` layer of each height (``[N]`` Å), 0 for the lowest."""
    order = np.argsort(heights, kind="stable")
    gaps = np.diff(heights[order])
    layers = np.empty(len(heights), dtype=np.int64)
    layers[order] = np.concatenate([[0], np.cumsum(gaps > _separation(gaps, bool(gaps.sum() > THICK)))])
    return layers


def group_periodic_heights(heights: Floats, period: float) -> tuple[Integers, Floats]:
    """Group the heights of a crystal that repeats along them, so that no layer ends at the boundary of a cell.

    Args:
        heights: ``[N]`` Å.
        period: Å, after which all layers come again.

    Returns:
        Layer of each height, ``[N]`` from 0, and the heights ``[N]`` Å moved by whole periods so that each layer is
        in one piece and layers follow one another within one period. Heights that nothing separates are one layer,
        which ends at the widest gap.
    """
    order = np.argsort(heights % period, kind="stable")
    sorted_heights = (heights % period)[order]
    gaps = np.diff(sorted_heights, append=sorted_heights[0] + period)
    ends = gaps > _separation(gaps, closer=True)  # whether a layer ends with this height
    if not ends.any():
        ends[np.argmax(gaps)] = True
    first = int(np.flatnonzero(ends)[-1] + 1) % len(heights)  # lowest height of a layer
    layers, whole = np.empty(len(heights), dtype=np.int64), np.empty(len(heights))
    layers[np.roll(order, -first)] = np.concatenate([[0], np.cumsum(np.roll(ends, -first)[:-1])])
    whole[order] = sorted_heights - period * (np.arange(len(heights)) >= first) * (first > 0)
    return layers, whole


def _separation(gaps: Floats, closer: bool) -> float:
    """Å: heights that follow one another with a wider gap belong to different layers.

    It lies in the middle of the widest range without gaps, so that noise never separates some of many like layers
    and not the others.

    Args:
        gaps: ``[N]`` Å, between heights one after the other.
        closer: whether to look for smaller gaps where usual ones separate nothing.
    """
    for low, high in BANDS if closer else BANDS[:1]:
        edges = np.concatenate([[low], np.sort(gaps[(gaps > low) & (gaps < high)]), [high]])
        widest = int(np.argmax(edges[1:] / edges[:-1]))
        separation = float(np.sqrt(edges[widest] * edges[widest + 1]))
        if (gaps > separation).any():
            return separation
    return float("inf")
