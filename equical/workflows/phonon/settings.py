"""Which supercell to displace atoms in, and what to make of the forces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import Settings

__all__ = ["HarmonicSettings", "PhononSettings", "repeats_or_length"]

SMALLEST_DISPLACEMENT = 1e-4
"""Å. Smaller ones change forces by nothing but rounding."""

LONGEST_MESH = 10_000.0
"""Å. A denser mesh of wave vectors takes hours, and changes nothing."""

MOST_REPEATS = 100


@dataclass(frozen=True)
class HarmonicSettings(Settings):
    """Which supercell to displace atoms in, and what to make of the forces.

    Attributes:
        supercell: three numbers of repeats, or the least distance in Å between opposite faces of the supercell.
        displacement: Å.
        mesh: Å. Density of states and thermal properties are summed over ``mesh |b|`` points along each reciprocal
            vector b (without 2π).
        temperatures: K; by default 0 to 1000 in steps of 10.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"mesh", "temperatures"})

    supercell: tuple[int, int, int] | float = 10.0
    displacement: float = 0.01
    mesh: float = 100.0
    temperatures: Sequence[float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "supercell", repeats_or_length(self.supercell))
        if not SMALLEST_DISPLACEMENT <= self.displacement <= 0.2:
            raise InputError(
                f"a displacement of {self.displacement:g} Å is not in the harmonic range: give one such as 0.01"
            )
        if not 0 < self.mesh <= LONGEST_MESH:
            raise InputError(f"mesh {self.mesh:g}: give a length in Å such as 100; longer is denser")
        kelvin = np.arange(0, 1001, 10.0) if self.temperatures is None else np.asarray(self.temperatures, dtype=float)
        if kelvin.ndim != 1 or kelvin.size == 0 or not (kelvin >= 0).all():
            raise InputError("temperatures must be a list of numbers of kelvin, none of them negative")
        object.__setattr__(self, "temperatures", tuple(kelvin.tolist()))


@dataclass(frozen=True)
class PhononSettings(HarmonicSettings):
    """Which supercell to displace atoms in, what to make of the forces, and in what state the crystal must be.

    Attributes:
        supercell, displacement, mesh, temperatures: see :class:`HarmonicSettings`.
        relax_first: relax the ions first, within the cell and the space group.
        force: go on although the structure has forces above 1e-3 eV/Å.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = HarmonicSettings.ADJUSTABLE | {"force"}

    relax_first: bool = False
    force: bool = False


def repeats_or_length(supercell: Sequence[int] | float) -> tuple[int, int, int] | float:
    """Three numbers of repeats as whole numbers, or the least width of a supercell in Å.

    Raises:
        InputError: neither.
    """
    if isinstance(supercell, int | float):
        if not 0 < supercell < 200:
            raise InputError(f"supercell {supercell:g}: give a length in Å such as 10, or three numbers of repeats")
        return float(supercell)
    repeats = np.asarray(supercell, dtype=float)
    if repeats.shape != (3,) or not ((repeats >= 1) & (repeats <= MOST_REPEATS) & (repeats % 1 == 0)).all():
        raise InputError(
            f"supercell {supercell}: give three numbers of repeats, each from 1 to {MOST_REPEATS}, or one length in Å"
        )
    a, b, c = (int(n) for n in repeats)
    return a, b, c
