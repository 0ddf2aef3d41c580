"""How much room atoms need, as their own crystals tell."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["distance_limits", "typical_radius", "typical_volume"]

NEAREST = {"fcc": 0.5**0.5, "bcc": 0.75**0.5, "hcp": 1.0, "diamond": 3**0.5 / 4, "sc": 1.0}
"""Distance of nearest neighbours in units of a."""

VOLUME = {"fcc": 1 / 4, "bcc": 1 / 2, "hcp": 3**0.5 / 4, "diamond": 1 / 8, "sc": 1.0}
"""Of an atom, in units of a³; for hcp it is multiplied by c/a."""


CLOSEST = 0.85
"""Of the sum of two radii: how close atoms may start, unless it is given."""


def typical_radius(number: int) -> float:
    """Å, half the distance of neighbours in the simple crystal of an element, or its covalent radius if it has none.

    >>> round(typical_radius(29), 2), round(typical_radius(8), 2)
    (1.28, 0.66)
    """
    from ase.data import covalent_radii

    crystal = _simple_crystal(number)
    return float(covalent_radii[number]) if crystal is None else NEAREST[crystal[0]] * crystal[1] / 2


def typical_volume(number: int) -> float:
    """Å³, that of an atom in the simple crystal of an element, or the cube of twice its covalent radius.

    >>> round(typical_volume(14), 1)
    20.0
    """
    crystal = _simple_crystal(number)
    if crystal is None:
        return (2 * typical_radius(number)) ** 3
    symmetry, a, c_over_a = crystal
    return VOLUME[symmetry] * a**3 * c_over_a


def distance_limits(numbers: NDArray[np.int64], given: Mapping[str, float]) -> NDArray[np.float64]:
    """``[N, N]`` Å, how close each pair of atoms may start.

    Args:
        numbers: ``[N]`` of the atoms.
        given: distances of pairs of elements in alphabetical order, as ``{"O-Si": 1.5}``; the rest follows from radii.
    """
    from ase.data import chemical_symbols

    kinds, kind = np.unique(numbers, return_inverse=True)
    radii = [typical_radius(number) for number in kinds.tolist()]
    symbols = [chemical_symbols[number] for number in kinds]
    pairs = [["-".join(sorted((first, second))) for second in symbols] for first in symbols]
    limits = [
        [given.get(pair, CLOSEST * (one + other)) for pair, other in zip(row, radii, strict=True)]
        for row, one in zip(pairs, radii, strict=True)
    ]
    return np.array(limits)[np.ix_(kind, kind)]


def _simple_crystal(number: int) -> tuple[str, float, float] | None:
    """Kind, a in Å and c/a of an element whose crystal has one kind of site with near neighbours all alike."""
    from ase.data import reference_states

    known = (reference_states[number] if number < len(reference_states) else None) or {}
    if known.get("symmetry") not in NEAREST:
        return None
    return known["symmetry"], float(known["a"]), float(known.get("c/a", 1.0))
