"""How far atoms go: mean square displacement, and a diffusion coefficient where there is diffusion.

A straight line can be fitted to anything. Atoms of a crystal swing out to about 0.1 Å² and come back, and in the tenth
of a picosecond that takes, their mean square displacement passes through a slope that looks like a liquid's. So a
coefficient is given only where atoms have left their places, the displacement grows in proportion to time, the parts of
the run agree, and so do the two routes to it, displacements (Einstein) and velocities (Green and Kubo).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from equical.workflows.md.correlation import autocorrelation, correlation_length, moving_elements

__all__ = ["Diffusion", "diffusion"]

Floats = NDArray[np.float64]

FIT_START = 0.2
"""Of the lags, which reach to half of the trajectory: after the ballistic part."""

BLOCKS = 4
"""Parts of the trajectory whose coefficients are compared."""

BEYOND_VIBRATION = 1.0
"""Å². In crystals the mean square displacement stays below 0.05 d² up to the melting point (Lindemann), with d the
distance of neighbours: 0.3 Å² for metals; light atoms and turning molecules come to more."""

EXPONENT_TOLERANCE = 0.2
"""For 32 to 108 atoms of liquid copper, runs whose displacement grew with an exponent farther from 1 gave coefficients
that were wrong by up to 90 %; those within by up to 30 %."""

LARGEST_ERROR = 0.5
"""Of the coefficient."""

ROUTES_AGREE = 2.0
"""Factor that the coefficients of the two routes may differ by."""

SLOWEST_DECAY = 0.5
"""Of velocities between frames; where they forget more than this, their correlation cannot be integrated."""

LEAST = 1e-9
"""Of the largest mean square displacement; what is less counts as this much."""

CM2_PER_S = 1e-4
"""1 Å²/ps."""


@dataclass(frozen=True)
class Diffusion:
    """Mean square displacement and self-diffusion coefficients of each element.

    Attributes:
        lag: ``[L]`` ps.
        msd: ``[L]`` Å².
        window: range of lags of the fit, ps.
        exponent: b of MSD ∝ tᵇ within the window: 1 for diffusion, 2 for free flight, 0 for vibration.
        coefficient: cm²/s, slope of the MSD / 6; NaN where there is a reason against it.
        error: cm²/s, standard error of the coefficient from four blocks of the trajectory; NaN with it.
        from_velocities: cm²/s, from the integral of ⟨v(0)·v(t)⟩ / 3; NaN with the coefficient, and where frames are
            too far apart to follow velocities.
        reason: why there is no coefficient, for each element without.
    """

    lag: Floats
    msd: dict[str, Floats]
    window: tuple[float, float]
    exponent: dict[str, float]
    coefficient: dict[str, float]
    error: dict[str, float]
    from_velocities: dict[str, float]
    reason: dict[str, str]


def diffusion(
    positions: Floats,
    velocities: Floats,
    interval: float,
    symbols: NDArray[np.str_],
    moving: NDArray[np.bool_],
    obstacle: str = "",
) -> Diffusion:
    """Mean square displacement of each element and, where it diffuses, its diffusion coefficient.

    Args:
        positions: ``[T, N, 3]`` Å, unwrapped, without the drift of the whole system.
        velocities: ``[T, N, 3]`` Å/ps.
        interval: ps between frames.
        symbols: ``[N]`` elements.
        moving: ``[N]`` atoms to count.
        obstacle: why no coefficient would mean anything, whatever the atoms do.
    """
    longest = max(len(positions) // 2, 1)
    lag = np.arange(longest, dtype=np.float64) * interval
    window = (float(lag[_first(longest)]), float(lag[-1]))
    msd, exponent, coefficient, error, from_velocities, reason = {}, {}, {}, {}, {}, {}
    for element in moving_elements(symbols, moving):
        chosen = moving & (symbols == element)
        places = positions[:, chosen]
        curve = msd[element] = _mean_square_displacement(places)
        exponent[element] = _exponent(curve)
        value = _einstein(curve, interval)
        blocks = [_einstein(_mean_square_displacement(part), interval) for part in np.array_split(places, BLOCKS)]
        spread = float(np.std(blocks, ddof=1) / np.sqrt(BLOCKS))
        other = _green_kubo(velocities[:, chosen], interval)
        against = obstacle or _against(curve, exponent[element], window, value, spread, other)
        if against:
            reason[element] = against
            value = spread = other = nan
        coefficient[element], error[element], from_velocities[element] = value, spread, other
    return Diffusion(lag, msd, window, exponent, coefficient, error, from_velocities, reason)


def _against(
    msd: Floats, exponent: float, window: tuple[float, float], value: float, error: float, from_velocities: float
) -> str:
    """What speaks against a coefficient; empty where nothing does."""
    if msd[-1] < BEYOND_VIBRATION:
        return f"mean square displacement of {msd[-1]:.2g} Å² after {window[1]:.2g} ps, as vibration has it"
    if not np.isfinite([exponent, error]).all():
        return "too few frames to tell how far the coefficient can be trusted"
    if abs(exponent - 1) > EXPONENT_TOLERANCE:
        where = f"between {window[0]:.2g} and {window[1]:.2g} ps"
        return f"mean square displacement grows with time to the power of {exponent:.2f} {where}, not 1"
    if not error <= LARGEST_ERROR * value:
        return f"the quarters of the run differ too much: ({value:.1e} ± {error:.1e}) cm²/s"
    if np.isfinite(from_velocities) and not 1 / ROUTES_AGREE < from_velocities / value < ROUTES_AGREE:
        return f"displacements give {value:.1e} cm²/s, and velocities {from_velocities:.1e}"
    return ""


def _mean_square_displacement(positions: Floats) -> Floats:
    """⟨|r(t) - r(0)|²⟩ in Å² for lags up to half of the frames; ``[T, N, 3]`` to ``[T/2]``."""
    frames, atoms = positions.shape[:2]
    longest = max(frames // 2, 1)
    centred = positions - positions.mean(axis=0)  # large coordinates would cost digits
    squares = (centred**2).sum(axis=(1, 2))
    # Σ over origins of r²(t0) + r²(t0 + lag): all frames twice, less the ends that this lag cannot pair.
    ends = np.concatenate([[0.0], np.cumsum(squares[: longest - 1] + squares[::-1][: longest - 1])])
    sums = (2 * squares.sum() - ends) / (frames - np.arange(longest))
    msd = (sums - 2 * autocorrelation(centred, longest)) / atoms
    msd[0] = 0.0  # rounding otherwise
    return np.asarray(msd)


def _first(longest: int) -> int:
    """Index of the lag that fits start from."""
    return min(max(int(FIT_START * longest), 1), longest - 1)


def _exponent(msd: Floats) -> float:
    """Slope of the logarithm of the MSD against that of the lag."""
    first = _first(len(msd))
    lag, curve = np.arange(len(msd))[first:], msd[first:]
    if len(lag) < 2:
        return nan
    positive = np.maximum(curve, LEAST * curve.max() + np.finfo(float).tiny)  # rounding may leave less than nothing
    return float(np.polyfit(np.log(lag), np.log(positive), 1)[0])


def _einstein(msd: Floats, interval: float) -> float:
    """Diffusion coefficient in cm²/s from the slope of the MSD (Å²) beyond its ballistic part."""
    lag = np.arange(len(msd)) * interval
    first = _first(len(msd))
    if len(msd) - first < 2:
        return nan
    return float(np.polyfit(lag[first:], msd[first:], 1)[0] / 6 * CM2_PER_S)


def _green_kubo(velocities: Floats, interval: float) -> float:
    """Diffusion coefficient in cm²/s from ``[T, N, 3]`` Å/ps; NaN where frames are too far apart."""
    longest = correlation_length(len(velocities), interval)
    correlation = autocorrelation(velocities, longest)
    if not correlation[1] > SLOWEST_DECAY * correlation[0]:
        return nan
    return float(trapezoid(correlation, dx=interval) / (3 * velocities.shape[1]) * CM2_PER_S)
