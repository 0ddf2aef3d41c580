"""Which atoms to displace, and what to make of their vibrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_choice, require_positive

__all__ = ["Statistics", "VibSettings"]

Statistics = Literal["auto", "ideal-gas", "harmonic"]


SMALLEST_DISPLACEMENT = 1e-4
"""Å. Smaller ones change forces by nothing but rounding."""


@dataclass(frozen=True)
class VibSettings(Settings):
    """Which atoms to displace, and what to make of their vibrations.

    Attributes:
        indices: of the atoms that vibrate; None for all that no constraint freezes.
        displacement: Å, of one atom along x, y or z, both ways.
        statistics: ``"ideal-gas"`` for a free molecule, which also moves and turns; ``"harmonic"`` for vibrations
            alone, as of an adsorbate; ``"auto"`` decides by the structure.
        temperature: K.
        pressure: bar, of the ideal gas.
        symmetry_number: of the molecule; None counts its rotations.
        spin: total spin of its electrons: 0 for closed shells, 0.5 for a radical, 1 for a triplet such as O2.
        low_frequency_cutoff: cm⁻¹. Thermochemistry takes vibrations below it to be at it; 0 takes them as they are.
        relax_first: relax the atoms that vibrate first.
        force: go on although they feel forces above 0.01 eV/Å.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset(
        {"statistics", "temperature", "pressure", "symmetry_number", "spin", "low_frequency_cutoff", "force"}
    )

    indices: Sequence[int] | None = None
    displacement: float = 0.01
    statistics: Statistics = "auto"
    temperature: float = 298.15
    pressure: float = 1.0
    symmetry_number: int | None = None
    spin: float = 0.0
    low_frequency_cutoff: float = 0.0
    relax_first: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if self.indices is not None:
            object.__setattr__(self, "indices", _indices(self.indices))
        if not SMALLEST_DISPLACEMENT <= self.displacement <= 0.2:
            raise InputError(
                f"a displacement of {self.displacement:g} Å is not in the harmonic range: give one such as 0.01"
            )
        require_choice(self, "statistics", get_args(Statistics))
        require_positive(self, "temperature", "pressure")
        if self.symmetry_number is not None and (self.symmetry_number < 1 or self.symmetry_number % 1):
            raise InputError(f"symmetry_number must be a whole number from 1 on, got {self.symmetry_number}")
        if not (0 <= self.spin < np.inf and 2 * self.spin % 1 == 0):
            raise InputError(f"spin must be half a whole number such as 0, 0.5 or 1, got {self.spin}")
        if not 0 <= self.low_frequency_cutoff < np.inf:
            raise InputError(f"low_frequency_cutoff must not be negative, got {self.low_frequency_cutoff}")


def _indices(given: Sequence[int]) -> tuple[int, ...]:
    array = np.asarray(given)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InputError(f"indices must be a list of whole numbers, at least one, got {given!r}")
    return tuple(array.tolist())
