"""What a mixture could decompose into: the convex hull of energies over compositions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["formation_energies", "fractions_of", "hull_distances"]

Floats = NDArray[np.float64]


def fractions_of(compositions: Sequence[Mapping[str, int]], elements: Sequence[str]) -> Floats:
    """``[N, E]``, the share of each element in each composition."""
    counts = np.array([[float(one.get(symbol, 0)) for symbol in elements] for one in compositions])
    return counts / counts.sum(axis=1, keepdims=True)


def hull_distances(fractions: Floats, energies: Floats) -> Floats:
    """``[N]`` eV/atom, how far each structure lies above the lowest mixture of others with its composition.

    Works for any number of elements, and whatever compositions there are: what cannot decompose into others is on the
    hull.

    Args:
        fractions: ``[N, E]``.
        energies: ``[N]`` eV/atom.

    >>> mixed = np.array([[1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1]])
    >>> hull_distances(mixed, np.array([-1.0, -2.5, -1.5, -3.0])).round(3).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    from scipy.optimize import linprog

    kinds, kind = np.unique(fractions.round(9), axis=0, return_inverse=True)
    kind = kind.ravel()
    lowest = np.array([energies[kind == number].min() for number in range(len(kinds))])
    below = [linprog(lowest, A_eq=kinds.T, b_eq=mixture, method="highs").fun for mixture in kinds]
    return np.maximum(energies - np.minimum(below, lowest)[kind], 0.0)


def formation_energies(fractions: Floats, energies: Floats) -> Floats | None:
    """``[N]`` eV/atom, relative to the lowest structures of the pure elements; None where one of these is missing."""
    pure = np.full(fractions.shape[1], np.inf)
    for fraction, energy in zip(fractions, energies, strict=True):
        if fraction.max() > 1 - 1e-9:
            pure[fraction.argmax()] = min(pure[fraction.argmax()], energy)
    return energies - fractions @ pure if np.isfinite(pure).all() else None
