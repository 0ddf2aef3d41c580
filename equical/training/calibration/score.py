"""How well stated standard deviations fit the errors that were found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Score", "score"]

GROUPS = 4


@dataclass(frozen=True)
class Score:
    """Stated against found errors, in one unit.

    Attributes:
        rmse: of what was found.
        within_one: share of errors within one standard deviation; 0.68 of a normal distribution.
        within_two: within two; 0.95.
        correlation: rank correlation of stated and found errors.
        groups: quarters by what was stated: its root mean square, and that of what was found.
    """

    rmse: float
    within_one: float
    within_two: float
    correlation: float
    groups: tuple[tuple[float, float], ...]


def score(errors: NDArray[np.float64], stated: NDArray[np.float64]) -> Score:
    """Compare, a scale for both being given by their unit."""
    ratios = np.abs(errors) / np.maximum(stated, 1e-12)
    quarters = np.array_split(np.argsort(stated, kind="stable"), GROUPS)
    return Score(
        rmse=_rms(errors),
        within_one=float((ratios < 1).mean()),
        within_two=float((ratios < 2).mean()),
        correlation=float(np.corrcoef(_ranks(stated), _ranks(np.abs(errors)))[0, 1]),
        groups=tuple((_rms(stated[part]), _rms(errors[part])) for part in quarters),
    )


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable")
