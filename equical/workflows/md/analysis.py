"""What a trajectory tells: radial distribution, mean square displacement, diffusion, and the vibrational spectrum.

Pure functions of arrays. Correlation functions average over all time origins by fast Fourier transform (Kneller et al.,
Comput. Phys. Commun. 91, 191 (1995)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from equical.neighbors.build import neighbor_list
from equical.neighbors.cells import heights

__all__ = [
    "Diffusion",
    "RadialDistribution",
    "Spectrum",
    "block_error",
    "diffusion",
    "drift",
    "radial_distribution",
    "spectrum",
]

Floats = NDArray[np.float64]

_MOST_RDF_FRAMES = 200  # more change g(r) by less than its line is thick
_RDF_BIN = 0.05  # Å
_RDF_RANGE = 10.0  # Å
_LONGEST_CORRELATION = 2.0  # ps; resolves 0.25 THz
_FIT_START = 0.2  # of the lags, which reach to half of the trajectory: after the ballistic part
_BLOCKS = 4
_AVERAGE_BLOCKS = 10
_CM2_PER_S = 1e-4  # 1 Å²/ps
_CHUNK = 2_000_000  # numbers transformed at a time, 64 MB with padding


@dataclass(frozen=True)
class RadialDistribution:
    """Radial distribution functions, 1 for an ideal gas.

    Attributes:
        distance: ``[R]`` Å, centres of the bins.
        total: ``[R]`` g(r) of all atoms.
        partial: ``[R]`` g(r) for each pair of elements, such as ``"Cu-O"``.
        coordination: ``[R]`` mean number of neighbours up to the outer edge of the bin.
    """

    distance: Floats
    total: Floats
    partial: dict[str, Floats]
    coordination: Floats


@dataclass(frozen=True)
class Diffusion:
    """Mean square displacement and what follows from its slope.

    Attributes:
        lag: ``[L]`` ps.
        msd: ``[L]`` Å² for each element.
        coefficient: Self-diffusion coefficient of each element, cm²/s, from the slope of its MSD / 6.
        error: Standard error of each coefficient, cm²/s, from four blocks of the trajectory.
        window: Range of lags of the fit, ps.
    """

    lag: Floats
    msd: dict[str, Floats]
    coefficient: dict[str, float]
    error: dict[str, float]
    window: tuple[float, float]


@dataclass(frozen=True)
class Spectrum:
    """Velocity autocorrelation and vibrational density of states.

    Attributes:
        lag: ``[L]`` ps.
        vacf: ``[L]`` ⟨v(0)·v(t)⟩ / ⟨v²⟩ for each element.
        coefficient: Self-diffusion coefficient of each element, cm²/s, from the integral of ⟨v(0)·v(t)⟩ / 3.
        frequency: ``[F]`` THz, up to the Nyquist frequency of the frames.
        dos: ``[F]`` density of states of each element, 1/THz; their sum integrates to 1.
    """

    lag: Floats
    vacf: dict[str, Floats]
    coefficient: dict[str, float]
    frequency: Floats
    dos: dict[str, Floats]


def radial_distribution(positions: Floats, cells: Floats, symbols: NDArray[np.str_]) -> RadialDistribution:
    """Radial distribution functions of a system periodic in three directions.

    Args:
        positions: ``[T, N, 3]`` Å.
        cells: ``[T, 3, 3]`` Å.
        symbols: ``[N]`` elements.

    Returns:
        g(r) up to 10 Å or half the smallest height of the cell, whichever is less.
    """
    reach = min(_RDF_RANGE, float(heights(cells).min()) / 2)
    edges = np.linspace(0, reach, max(round(reach / _RDF_BIN), 1) + 1)
    elements, kind = np.unique(symbols, return_inverse=True)
    pairs = len(elements) ** 2
    counts = np.zeros((pairs, len(edges) - 1))
    frames = np.unique(np.linspace(0, len(positions) - 1, _MOST_RDF_FRAMES).astype(int))
    for frame in frames:
        near = neighbor_list(positions[frame], cells[frame], True, reach)
        vectors = positions[frame][near.sender] + near.shift @ cells[frame] - positions[frame][near.receiver]
        pair = kind[near.receiver] * len(elements) + kind[near.sender]
        # Weighted by the volume of this frame: the density that g(r) is relative to.
        volume = abs(np.linalg.det(cells[frame]))
        bins = np.searchsorted(edges, np.linalg.norm(vectors, axis=1), side="right") - 1
        inside = bins < len(edges) - 1
        flat = np.bincount(pair[inside] * (len(edges) - 1) + bins[inside], minlength=counts.size)
        counts += volume * flat.reshape(counts.shape)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    number = np.bincount(kind)
    partial = {}
    for a, first in enumerate(elements):
        for b in range(a, len(elements)):
            ideal = len(frames) * number[a] * (number[b] - (a == b)) * shells
            partial[f"{first}-{elements[b]}"] = counts[a * len(elements) + b] / np.where(ideal > 0, ideal, np.inf)
    atoms = len(symbols)
    total = counts.sum(axis=0) / (len(frames) * atoms * max(atoms - 1, 1) * shells)
    mean_volume = float(np.mean(np.abs(np.linalg.det(cells))))
    coordination = np.cumsum(total * shells) * max(atoms - 1, 0) / mean_volume
    return RadialDistribution((edges[1:] + edges[:-1]) / 2, total, partial, coordination)


def diffusion(positions: Floats, interval: float, symbols: NDArray[np.str_], moving: NDArray[np.bool_]) -> Diffusion:
    """Mean square displacement of each element and its diffusion coefficient.

    Args:
        positions: ``[T, N, 3]`` Å, unwrapped, without the drift of the whole system.
        interval: ps between frames.
        symbols: ``[N]`` elements.
        moving: ``[N]`` atoms to count.
    """
    longest = max(len(positions) // 2, 1)
    lag = np.arange(longest, dtype=np.float64) * interval
    msd, coefficient, error = {}, {}, {}
    for element in _elements(symbols, moving):
        chosen = positions[:, moving & (symbols == element)]
        msd[element] = _mean_square_displacement(chosen)
        coefficient[element] = _einstein(msd[element], interval)
        blocks = [_einstein(_mean_square_displacement(part), interval) for part in np.array_split(chosen, _BLOCKS)]
        error[element] = float(np.std(blocks, ddof=1) / np.sqrt(_BLOCKS))
    return Diffusion(lag, msd, coefficient, error, (_FIT_START * lag[-1], lag[-1]))


def spectrum(
    velocities: Floats, interval: float, symbols: NDArray[np.str_], masses: Floats, moving: NDArray[np.bool_]
) -> Spectrum:
    """Velocity autocorrelation of each element, and the vibrational density of states by its Fourier transform.

    The density of states is that of the mass-weighted velocities, under a Hann window, so that by equipartition every
    vibration of a classical system counts alike.

    Args:
        velocities: ``[T, N, 3]`` Å/ps.
        interval: ps between frames.
        symbols: ``[N]`` elements.
        masses: ``[N]`` u.
        moving: ``[N]`` atoms to count.
    """
    longest = max(min(len(velocities) // 2, round(_LONGEST_CORRELATION / interval) + 1), 2)
    window = 0.5 * (1 + np.cos(np.pi * np.arange(longest) / longest))
    vacf, coefficient, dos = {}, {}, {}
    for element in _elements(symbols, moving):
        chosen = moving & (symbols == element)
        correlation = _autocorrelation(velocities[:, chosen], longest)
        vacf[element] = correlation / correlation[0] if correlation[0] > 0 else correlation
        coefficient[element] = float(trapezoid(correlation, dx=interval) / (3 * chosen.sum()) * _CM2_PER_S)
        weighted = _autocorrelation(velocities[:, chosen] * np.sqrt(masses[chosen])[:, None], longest)
        dos[element] = _cosine_transform(window * weighted)
    frequency = np.linspace(0, 0.5 / interval, len(next(iter(dos.values()))))
    area = trapezoid(sum(dos.values()), frequency)
    normalised = {name: values / area if area > 0 else values for name, values in dos.items()}
    return Spectrum(np.arange(longest, dtype=np.float64) * interval, vacf, coefficient, frequency, normalised)


def drift(time: Floats, energy: Floats) -> float:
    """Slope of the least-squares line through energy against time; NaN below three points, or if the energy is NaN."""
    if len(time) < 3:
        return float("nan")
    return float(np.polyfit(time - time.mean(), energy - energy.mean(), 1)[0])


def block_error(values: Floats) -> float:
    """Standard error of the mean of a correlated series, from ten blocks; NaN below twenty values."""
    if len(values) < 2 * _AVERAGE_BLOCKS:
        return float("nan")
    means = [block.mean() for block in np.array_split(values, _AVERAGE_BLOCKS)]
    return float(np.std(means, ddof=1) / np.sqrt(_AVERAGE_BLOCKS))


def _elements(symbols: NDArray[np.str_], moving: NDArray[np.bool_]) -> list[str]:
    return [str(element) for element in np.unique(symbols[moving])]


def _autocorrelation(series: Floats, longest: int) -> Floats:
    """Σ over atoms of ⟨x(0)·x(t)⟩, averaged over all time origins of each lag; ``[T, N, 3]`` to ``[longest]``."""
    frames = len(series)
    total = np.zeros(longest)
    chunk = max(1, _CHUNK // (3 * frames))
    for start in range(0, series.shape[1], chunk):
        flat = series[:, start : start + chunk].reshape(frames, -1)
        # Twice the length of zeros keeps the end of the series from correlating with its start.
        transform = np.fft.rfft(flat, n=2 * frames, axis=0)
        power = (transform * transform.conj()).real.sum(axis=1)
        total += np.fft.irfft(power, n=2 * frames)[:longest]
    return total / (frames - np.arange(longest))


def _mean_square_displacement(positions: Floats) -> Floats:
    """⟨|r(t) - r(0)|²⟩ in Å² for lags up to half of the frames; ``[T, N, 3]`` to ``[T/2]``."""
    frames, atoms = positions.shape[:2]
    longest = max(frames // 2, 1)
    centred = positions - positions.mean(axis=0)  # large coordinates would cost digits
    squares = (centred**2).sum(axis=(1, 2))
    # Σ over origins of r²(t0) + r²(t0 + lag): all frames twice, less the ends that this lag cannot pair.
    ends = np.concatenate([[0.0], np.cumsum(squares[: longest - 1] + squares[::-1][: longest - 1])])
    sums = (2 * squares.sum() - ends) / (frames - np.arange(longest))
    msd = (sums - 2 * _autocorrelation(centred, longest)) / atoms
    msd[0] = 0.0  # rounding otherwise
    return np.asarray(msd)


def _einstein(msd: Floats, interval: float) -> float:
    """Diffusion coefficient in cm²/s from the slope of the MSD (Å²) beyond its ballistic part."""
    lag = np.arange(len(msd)) * interval
    first = max(int(_FIT_START * len(msd)), 1)
    if len(msd) - first < 2:
        return float("nan")
    return float(np.polyfit(lag[first:], msd[first:], 1)[0] / 6 * _CM2_PER_S)


def _cosine_transform(correlation: Floats) -> Floats:
    """∫ c(t) cos(2πνt) dt up to a factor, at frequencies from 0 to Nyquist, padded fourfold for a smooth line."""
    longest = len(correlation)
    size = 8 * longest
    even = np.zeros(size)
    even[:longest] = correlation
    even[size - longest + 1 :] = correlation[:0:-1]
    return np.asarray(np.fft.rfft(even).real)
