"""Space groups as operations on the fractional coordinates of a primitive cell, from spglib's tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.spacegroup import ask_spglib

__all__ = ["Group", "drawn_group", "orders"]

Floats = NDArray[np.float64]

SETTINGS = 530
"""Hall symbols in spglib's tables: every space group in all its settings."""


@dataclass(frozen=True)
class Group:
    """A space group in its primitive cell; operation k takes the column x to ``rotations[k] @ x + translations[k]``.

    Attributes:
        name: symbol and number.
        rotations: ``[K, 3, 3]`` whole numbers, the first is the identity.
        translations: ``[K, 3]`` lattice vectors.
    """

    name: str
    rotations: NDArray[np.int64]
    translations: Floats

    def images(self, points: Floats) -> Floats:
        """``[K, ..., 3]``, what the operations make of fractional coordinates ``[..., 3]``."""
        turned = np.einsum("kij,...j->k...i", self.rotations, points)
        return turned + self.translations.reshape(-1, *[1] * (points.ndim - 1), 3)

    def metric(self, cell: Floats) -> Floats:
        """``[3, 3]`` Å², scalar products of the lattice vectors nearest to those of ``cell`` that the group allows."""
        products = cell @ cell.T
        return np.einsum("kji,jl,klm->im", self.rotations, products, self.rotations) / len(self.rotations)


def orders() -> list[int]:
    """Numbers of operations that space groups have in their primitive cells."""
    return sorted(_by_order())


def drawn_group(random: np.random.Generator, least: int, most: int) -> Group:
    """A number of operations from ``least`` to ``most`` at random, and a space group that has as many.

    Raises:
        InputError: no space group has.
    """
    possible = [order for order in orders() if least <= order <= most]
    if not possible:
        raise InputError(f"no space group has {least} to {most} operations; there are {', '.join(map(str, orders()))}")
    choices = _by_order()[possible[random.integers(len(possible))]]
    return _group(choices[random.integers(len(choices))])


@cache
def _by_order() -> dict[int, list[int]]:
    """Numbers of the first Hall symbols of all space groups, by how many rotations these have."""
    found: dict[int, list[int]] = {}
    before = 0
    for hall in range(1, SETTINGS + 1):
        number = ask_spglib("get_spacegroup_type", hall).number
        if number != before:
            rotations = ask_spglib("get_symmetry_from_database", hall)["rotations"]
            found.setdefault(len(np.unique(rotations, axis=0)), []).append(hall)
        before = number
    return found


@cache
def _group(hall: int) -> Group:
    table, kind = ask_spglib("get_symmetry_from_database", hall), ask_spglib("get_spacegroup_type", hall)
    rotations, translations = table["rotations"], table["translations"]
    basis = _primitive(translations[(rotations == np.eye(3)).all(axis=(1, 2))])
    back = np.linalg.inv(basis)
    _, first = np.unique(rotations, axis=0, return_index=True)  # of those that differ by a lattice vector, one
    first = np.sort(first)
    return Group(
        f"{kind.international_short} ({kind.number})",
        np.rint(back @ rotations[first] @ basis).astype(np.int64),
        translations[first] @ back.T,
    )


def _primitive(centrings: Floats) -> Floats:
    """``[3, 3]``, columns are vectors of a primitive cell in units of those of the conventional one."""
    vectors = [*centrings[np.abs(centrings).max(axis=1) > 1e-6], *np.eye(3)]
    return next(
        basis
        for basis in (np.column_stack(three) for three in combinations(vectors, 3))
        if abs(abs(np.linalg.det(basis)) * len(centrings) - 1) < 1e-6
    )
