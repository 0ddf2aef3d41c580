"""What is searched for, from which random structures, and how far each of them is followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_positive
from equical.workflows.search.composition import Composition, compositions
from equical.workflows.search.groups import orders

__all__ = ["SearchSettings"]


@dataclass(frozen=True)
class SearchSettings(Settings):
    """What is searched for, from which random structures, and how far each of them is followed.

    Attributes:
        composition: a formula such as ``"SiO2"``, or a range of atoms in the cell for each element, such as
            ``"Li=0:8,Si=0:4"``.
        units: least and largest number of formula units in a cell.
        structures: how many random structures.
        volume: Å³ per atom about which cells are made; None takes that of the elements' own crystals.
        distances: Å, how close atoms may start, by pair of elements such as ``"Si-O"``; pairs that are not there take
            0.85 of the sum of radii in the elements' own crystals. Where a pair comes closer than 0.94 of it, the
            structure is given up.
        operations: least and largest number of symmetry operations that a structure is made with.
        seed: of the random numbers. Structure n depends on it and on n, not on how many there are.
        window: eV/atom. What lies higher above the lowest structure of its composition, once it has been relaxed
            roughly, is not followed further.
        fmax: eV/Å. Largest force to accept.
        smax: GPa. Largest stress to accept.
        steps: of each relaxation, rough or fine, the most to take.

    Raises:
        InputError: a value out of range, or a pair of elements that does not occur.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"structures", "window"})

    composition: str
    units: tuple[int, int] = (1, 1)
    structures: int = 100
    volume: float | None = None
    distances: Mapping[str, float] = field(default_factory=dict)
    operations: tuple[int, int] = (1, 4)
    seed: int = 0
    window: float = 0.15
    fmax: float = 0.02
    smax: float = 0.1
    steps: int = 200

    def __post_init__(self) -> None:
        for name in ("units", "operations"):
            least, most = getattr(self, name)
            if not 1 <= least <= most:
                raise InputError(f"{name} must be one number from 1 on, or two in ascending order, got {least}:{most}")
        if not any(self.operations[0] <= order <= self.operations[1] for order in orders()):
            raise InputError(
                f"no space group has {self.operations[0]} to {self.operations[1]} operations in its primitive cell; "
                f"there are {', '.join(map(str, orders()))}"
            )
        if self.structures < 1:
            raise InputError(f"structures must be 1 at least, got {self.structures}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, got {self.seed}")
        if self.steps < 1:
            raise InputError(f"steps must be 1 at least, got {self.steps}")
        require_positive(self, "window", "fmax", "smax", *(["volume"] if self.volume is not None else []))
        object.__setattr__(self, "distances", _by_sorted_pair(self.distances, self.elements))

    @property
    def compositions(self) -> list[Composition]:
        """Every composition that structures may have."""
        return compositions(self.composition, self.units)

    @property
    def elements(self) -> list[str]:
        """Symbols of all elements, by the alphabet."""
        return sorted({symbol for composition in self.compositions for symbol in composition})


def _by_sorted_pair(distances: Mapping[str, float], elements: list[str]) -> dict[str, float]:
    """The same with the elements of each pair by the alphabet."""
    found: dict[str, float] = {}
    for pair, distance in distances.items():
        symbols = pair.split("-")
        if len(symbols) != 2 or not set(symbols) <= set(elements):
            raise InputError(f"{pair!r} is no pair of {', '.join(elements)}; write {elements[0]}-{elements[-1]}")
        if not 0 < distance < np.inf:
            raise InputError(f"the distance of {pair} must be a positive number, got {distance}")
        found["-".join(sorted(symbols))] = float(distance)
    return found
