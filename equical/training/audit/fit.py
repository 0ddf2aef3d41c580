"""Lines through data with outliers: slopes, how well they are determined, and what they leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "fit_slopes"]

Floats = NDArray[np.float64]

BLOCKS = 10
"""Parts of the data, each of which is left out once to see how much depends on it."""

NOTHING = 1e-6
"""Columns that sum to a smaller share of the values have nothing to say, unless in units that nobody uses."""

FAR_LESS = 0.6
"""A better fit leaves less than this share of what the other leaves."""

LESS = 0.85
"""The same if it does so in all parts of the data."""

SIGNIFICANT = 3.0
"""Standard errors by which it does so there."""

ROUNDS = 40


@dataclass(frozen=True)
class Fit:
    """y ≈ Σ_k slope_k x_k by least absolute deviations.

    Attributes:
        slopes: ``[K]``.
        errors: ``[K]``, standard errors of the slopes by leaving out a tenth of the data at a time.
        rest: ``[S]``, how much each value adds to the share of the (weighted) Σ|y| that is left unexplained.
    """

    slopes: Floats
    errors: Floats
    rest: Floats

    @property
    def left(self) -> float:
        """Share that is left unexplained; 0 for a perfect fit."""
        return float(self.rest.sum())

    def is_close(self, k: int, value: float, tolerance: float) -> bool:
        """Whether slope ``k`` has a value within a relative tolerance, or within twice its error if that is more."""
        return bool(abs(self.slopes[k] - value) <= max(tolerance * abs(value), 2 * self.errors[k]))

    def is_certain(self, k: int, share: float = 0.1) -> bool:
        """Whether the error of slope ``k`` is below a share of its size."""
        return bool(self.errors[k] < share * abs(self.slopes[k]))

    def is_better_than(self, other: Fit) -> bool:
        """Whether it leaves far less of the same values than another fit, or less in all parts of the data."""
        gain = _in_blocks(other.rest - self.rest)
        everywhere = float(gain.mean()) > SIGNIFICANT * float(gain.std(ddof=1)) / BLOCKS**0.5
        return self.left < (LESS if everywhere else FAR_LESS) * other.left


def _in_blocks(values: Floats) -> Floats:
    """Sums over the parts of the data."""
    return np.bincount(_blocks(len(values)), values, minlength=BLOCKS).astype(np.float64)


def _blocks(count: int) -> NDArray[np.int64]:
    """Which part of the data each value belongs to."""
    return np.arange(count) * BLOCKS // count


def fit_slopes(columns: list[Floats], y: Floats, weights: Floats | None = None) -> Fit:
    """Fit ``[S]`` values by ``[S]`` columns, without a constant; columns of rounding errors get the slope zero.

    Args:
        columns: K of them.
        y: what they are to explain.
        weights: of the deviations; all the same by default.
    """
    x = np.stack(columns, axis=1)
    x = x * (np.abs(x).sum(axis=0) > NOTHING * np.abs(y).sum())
    w = np.ones(len(y)) if weights is None else weights / weights.mean()
    slopes = _least_deviations(x, y, w)
    without = [_blocks(len(y)) != block for block in range(BLOCKS)]
    parts = np.array([_least_deviations(x[kept], y[kept], w[kept]) for kept in without])
    errors = np.sqrt((BLOCKS - 1) / BLOCKS * np.square(parts - parts.mean(axis=0)).sum(axis=0))
    rest = w * np.abs(y - x @ slopes) / max(float((w * np.abs(y)).sum()), 1e-300)
    return Fit(slopes, errors, rest)


def _least_deviations(x: Floats, y: Floats, weights: Floats) -> Floats:
    """By least squares, weighted anew with the deviations that are left each time."""
    scale = np.maximum(np.abs(x).max(axis=0), 1e-300)
    x = x / scale
    least = 1e-6 * max(np.abs(y).max(initial=0.0), 1e-300)
    slopes: Floats = np.zeros(x.shape[1])
    weight: Floats = weights
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        slopes = np.asarray(np.linalg.lstsq(x * root[:, None], y * root, rcond=1e-8)[0], dtype=np.float64)
        weight = weights / np.maximum(np.abs(y - x @ slopes), least)
    return slopes / scale
