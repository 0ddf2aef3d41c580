"""What a model knows, from what was seen of its data; and scales, from errors on what it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equical.training.calibration.kept import surroundings_of, within_reach
from equical.training.calibration.seen import Seen
from equical.training.data.labels import Frame
from equical.uncertainty import OUTSIDE, Knowledge

__all__ = ["crossed_alarms", "crossed_energies", "crossed_forces", "farthest_atoms", "halves", "learned", "scale_of"]
__all__ += ["scales_of", "uncalibrated"]

RIDGE = 1e-6
"""Added to the variances of features, relative to their mean: far below, features are rounding."""

SMALLEST = 0.1
"""Of the median error, added to errors before their logarithm is taken: one that vanishes by chance tells little."""

RESTRAINT = 100.0
"""Structures whose errors follow no trend, as if they were in the data."""

EXTREME = 0.005
"""Share of the structures in the data whose usual error is beyond the bounds, on either side."""

FARTHEST = 4.0
"""Errors of more standard deviations count as this many, so that a few wrong labels do not set the scale."""

MIXTURES = np.linspace(0.05, 0.95, 19)
"""Shares of the variance that may come from distances, and the rest from usual errors."""


def learned(seen: Seen, pairs: NDArray[np.bool_], spread: float) -> Knowledge:
    """What the data of a training tell, without the scales, which are one, and of forces zero.

    Args:
        seen: of the data; what it tells of errors says only which structures have larger ones than others.
        pairs: ``[Z, Z]`` elements that are neighbours there.
        spread: eV per atom, by how much energies vary beyond what elements alone tell.
    """
    means = np.stack([one.final.mean(axis=0, dtype=float) for one in seen.features])
    trend, bounds = _trend(means, np.abs(seen.errors))
    surroundings, posterior = surroundings_of(seen), _root_of_inverse(means)
    return Knowledge(surroundings, trend, bounds, posterior, np.ones(2), np.array([spread]), np.zeros(1), pairs)


def _trend(means: NDArray[np.float64], errors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``[C]`` a ridge regression of logarithms of errors ``[S]`` on ``[S, C]``, and ``[2]`` bounds of what it gives."""
    logarithms = np.log(errors + max(SMALLEST * float(np.median(errors)), 1e-9))
    spreads = means.std(axis=0) + 1e-9
    columns = (means - means.mean(axis=0)) / spreads
    normal = columns.T @ columns + RESTRAINT * np.eye(columns.shape[1])
    trend = np.linalg.solve(normal, columns.T @ (logarithms - logarithms.mean())) / spreads
    return trend, np.quantile(means @ trend, [EXTREME, 1 - EXTREME])


def _root_of_inverse(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """R, a lower triangle, with RᵀR = (⟨rᵀr⟩ + λ)⁻¹."""
    moments = rows.T @ rows / len(rows)
    moments += max(RIDGE * np.trace(moments) / len(moments), 1e-12) * np.eye(len(moments))
    return np.linalg.inv(np.linalg.cholesky(moments))


def uncalibrated(knowledge: Knowledge, seen: Seen) -> NDArray[np.float64]:
    """``[S, 2]`` usual error and typical distance of each structure, see :meth:`.Knowledge.uncalibrated`."""
    return np.array([knowledge.uncalibrated(*one) for one in zip(seen.numbers, seen.features, strict=True)])


def halves(frames: Sequence[Frame]) -> NDArray[np.int64]:
    """``[S]`` 0 or 1: two parts of structures, in which no composition is on both sides.

    What the scale of one half is found on is unlike the other half, as what the model will meet is unlike its data.
    Where there is one composition alone, the first half of the structures is apart from the second, since neighbours in
    a trajectory are alike.
    """
    compositions = [frame.atoms.symbols.formula.reduce()[0].format("hill") for frame in frames]
    sizes = [0, 0]
    side = {}
    for name, count in sorted(Counter(compositions).items(), key=lambda item: (-item[1], item[0])):
        side[name] = int(sizes[1] < sizes[0])
        sizes[side[name]] += count
    if min(sizes) == 0:
        return np.arange(len(frames)) * 2 // len(frames)
    return np.array([side[name] for name in compositions])


def scale_of(errors: NDArray[np.float64], stated: NDArray[np.float64]) -> float:
    """By what ``stated`` is multiplied to be the standard deviation of ``errors``, a few outliers apart."""
    if not len(errors):
        return 0.0
    squares = (errors / np.maximum(stated, 1e-12)) ** 2
    found = float(np.median(squares)) or float(np.mean(squares))
    for _ in range(20):
        found = float(np.mean(np.minimum(squares, FARTHEST**2 * found)))
    return float(np.sqrt(found))


def scales_of(errors: NDArray[np.float64], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[2]`` by what the two ``parts`` (``[S, 2]``) are multiplied so that errors are likeliest with their hypotenuse.

    Neither goes to zero: what tells nothing of these errors may tell that a structure is like none of these.
    """
    sizes = np.maximum(np.sqrt(np.mean(parts**2, axis=0)), 1e-12)
    best, least = np.zeros(2), np.inf
    for share in MIXTURES:
        mixture = np.sqrt([1 - share, share]) / sizes
        stated = np.maximum(np.hypot(*(parts * mixture).T), 1e-12)
        scale = scale_of(errors, stated)
        ratios = np.minimum(np.abs(errors) / (scale * stated), FARTHEST)
        surprise = float(np.mean(0.5 * ratios**2 + np.log(scale * stated)))
        if surprise < least:
            best, least = scale * mixture, surprise
    return best


def crossed_energies(
    errors: NDArray[np.float64], parts: NDArray[np.float64], half: NDArray[np.int64]
) -> NDArray[np.float64]:
    """``[S]`` standard deviations, each half with the scales of the other one: what is judged has set nothing."""
    scales = np.stack([scales_of(errors[half != side], parts[half != side]) for side in (0, 1)])
    return np.hypot(*(parts * scales[half]).T)


def crossed_forces(
    errors: NDArray[np.float64], stated: NDArray[np.float64], half: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The same of components of forces, which have one scale."""
    found = np.zeros_like(stated)
    for side in (0, 1):
        found[half == side] = scale_of(errors[half != side], stated[half != side]) * stated[half == side]
    return found


def farthest_atoms(knowledge: Knowledge, seen: Seen) -> NDArray[np.float64]:
    """``[S]`` distance of the atom of each structure that is farthest from the data."""
    pairs = zip(seen.numbers, seen.features, strict=True)
    return np.array([knowledge.surroundings.distances(z, one.embedded).max() for z, one in pairs])


def crossed_alarms(farthest: NDArray[np.float64], half: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``[S]`` which structures have atoms beyond the reach that the other half gives."""
    limits = [within_reach(farthest[half != side]) for side in (0, 1)]
    return farthest > OUTSIDE * np.array(limits)[half]
