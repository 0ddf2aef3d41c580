"""Correlation in time, averaged over all time origins by fast Fourier transform.

See Kneller et al., Comput. Phys. Commun. 91, 191 (1995).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["autocorrelation", "correlation_length", "moving_elements"]

LONGEST_CORRELATION = 2.0
"""ps, of velocities; resolves 0.25 THz."""

CHUNK = 2_000_000
"""Numbers transformed at a time, 64 MB with padding."""


def autocorrelation(series: NDArray[np.float64], longest: int) -> NDArray[np.float64]:
    """Σ over atoms of ⟨x(0)·x(t)⟩, averaged over all time origins of each lag.

    Args:
        series: ``[T, N, 3]``.
        longest: number L of lags, from 0 on.

    Returns:
        ``[L]``.
    """
    frames = len(series)
    total = np.zeros(longest)
    chunk = max(1, CHUNK // (3 * frames))
    for start in range(0, series.shape[1], chunk):
        flat = series[:, start : start + chunk].reshape(frames, -1)
        # Twice the length of zeros keeps the end of the series from correlating with its start.
        transform = np.fft.rfft(flat, n=2 * frames, axis=0)
        power = (transform * transform.conj()).real.sum(axis=1)
        total += np.fft.irfft(power, n=2 * frames)[:longest]
    return total / (frames - np.arange(longest))


def correlation_length(frames: int, interval: float) -> int:
    """Number of lags to which velocities are correlated: to 2 ps, and at most to half of the frames."""
    return max(min(frames // 2, round(LONGEST_CORRELATION / interval) + 1), 2)


def moving_elements(symbols: NDArray[np.str_], moving: NDArray[np.bool_]) -> list[str]:
    """Elements of the atoms that move."""
    return [str(element) for element in np.unique(symbols[moving])]
