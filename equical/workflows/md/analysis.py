"""What a trajectory tells of structure and vibrations: pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from equical.neighbors.build import neighbor_list
from equical.neighbors.cells import heights
from equical.workflows.md.correlation import autocorrelation, correlation_length, moving_elements

__all__ = ["RadialDistribution", "Spectrum", "block_error", "drift", "radial_distribution", "spectrum"]

Floats = NDArray[np.float64]

MOST_RDF_FRAMES = 200
"""More change g(r) by less than its line is thick."""

RDF_BIN = 0.05
"""Å."""

RDF_RANGE = 10.0
"""Å."""

AVERAGE_BLOCKS = 10
"""Parts of a series whose means are compared."""


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
class Spectrum:
    """Velocity autocorrelation and vibrational density of states.

    Attributes:
        lag: ``[L]`` ps.
        vacf: ``[L]`` ⟨v(0)·v(t)⟩ / ⟨v²⟩ for each element.
        frequency: ``[F]`` THz, up to the Nyquist frequency of the frames.
        dos: ``[F]`` density of states of each element, 1/THz; their sum integrates to 1.
    """

    lag: Floats
    vacf: dict[str, Floats]
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
    reach = min(RDF_RANGE, float(heights(cells).min()) / 2)
    edges = np.linspace(0, reach, max(round(reach / RDF_BIN), 1) + 1)
    elements, kind = np.unique(symbols, return_inverse=True)
    pairs = len(elements) ** 2
    counts = np.zeros((pairs, len(edges) - 1))
    frames = np.unique(np.linspace(0, len(positions) - 1, MOST_RDF_FRAMES).astype(int))
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
    longest = correlation_length(len(velocities), interval)
    window = 0.5 * (1 + np.cos(np.pi * np.arange(longest) / longest))
    vacf, dos = {}, {}
    for element in moving_elements(symbols, moving):
        chosen = moving & (symbols == element)
        correlation = autocorrelation(velocities[:, chosen], longest)
        vacf[element] = correlation / correlation[0] if correlation[0] > 0 else correlation
        weighted = autocorrelation(velocities[:, chosen] * np.sqrt(masses[chosen])[:, None], longest)
        dos[element] = _cosine_transform(window * weighted)
    frequency = np.linspace(0, 0.5 / interval, len(next(iter(dos.values()))))
    area = trapezoid(sum(dos.values()), frequency)
    normalised = {name: values / area if area > 0 else values for name, values in dos.items()}
    return Spectrum(np.arange(longest, dtype=np.float64) * interval, vacf, frequency, normalised)


def drift(time: Floats, energy: Floats) -> float:
    """Slope of the least-squares line through energy against time; NaN below three points, or if the energy is NaN."""
    if len(time) < 3:
        return float("nan")
    return float(np.polyfit(time - time.mean(), energy - energy.mean(), 1)[0])


def block_error(values: Floats) -> float:
    """Standard error of the mean of a correlated series, from ten blocks; NaN below twenty values."""
    if len(values) < 2 * AVERAGE_BLOCKS:
        return float("nan")
    means = [block.mean() for block in np.array_split(values, AVERAGE_BLOCKS)]
    return float(np.std(means, ddof=1) / np.sqrt(AVERAGE_BLOCKS))


def _cosine_transform(correlation: Floats) -> Floats:
    """∫ c(t) cos(2πνt) dt up to a factor, at frequencies from 0 to Nyquist, padded fourfold for a smooth line."""
    longest = len(correlation)
    size = 8 * longest
    even = np.zeros(size)
    even[:longest] = correlation
    even[size - longest + 1 :] = correlation[:0:-1]
    return np.asarray(np.fft.rfft(even).real)
