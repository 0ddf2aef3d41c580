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

ROUNDS = 40


@dataclass(frozen=True)
class Fit:
    """y ≈ Σ_k slope_k x_k by least absolute deviations.

    Attributes:
        slopes: ``[K]``.
        errors: ``[K]``, standard errors of the slopes by leaving out a tenth of the data at a time.
        left: share of Σ|y| that is left unexplained; 0 for a perfect fit.
    """

    slopes: Floats
    errors: Floats
    left: float

    def is_close(self, k: int, value: float, tolerance: float) -> bool:
        """Whether slope ``k`` has a value within a relative tolerance, or within twice its error if that is more."""
        return bool(abs(self.slopes[k] - value) <= max(tolerance * abs(value), 2 * self.errors[k]))

    def is_certain(self, k: int, share: float = 0.1) -> bool:
        """Whether the error of slope ``k`` is below a share of its size."""
        return bool(self.errors[k] < share * abs(self.slopes[k]))


def fit_slopes(columns: list[Floats], y: Floats) -> Fit:
    """Fit ``[S]`` values by ``[S]`` columns, without a constant; columns of rounding errors get the slope zero."""
    x = np.stack(columns, axis=1)
    x = x * (np.abs(x).sum(axis=0) > NOTHING * np.abs(y).sum())
    slopes = _least_deviations(x, y)
    blocks = np.arange(len(y)) * BLOCKS // len(y)
    parts = np.array([_least_deviations(x[blocks != b], y[blocks != b]) for b in range(BLOCKS)])
    errors = np.sqrt((BLOCKS - 1) / BLOCKS * np.square(parts - parts.mean(axis=0)).sum(axis=0))
    left = float(np.abs(y - x @ slopes).sum() / max(np.abs(y).sum(), 1e-300))
    return Fit(slopes, errors, left)


def _least_deviations(x: Floats, y: Floats) -> Floats:
    """By least squares, weighted anew with the deviations that are left each time."""
    scale = np.maximum(np.abs(x).max(axis=0), 1e-300)
    x = x / scale
    weight: Floats = np.ones(len(y))
    least = 1e-6 * max(np.abs(y).max(initial=0.0), 1e-300)
    slopes: Floats = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        slopes = np.asarray(np.linalg.lstsq(x * root[:, None], y * root, rcond=1e-8)[0], dtype=np.float64)
        weight = 1.0 / np.maximum(np.abs(y - x @ slopes), least)
    return slopes / scale
