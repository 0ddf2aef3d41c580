"""Which supercells to displace atoms in, how to solve the Boltzmann equation, and at which temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import require_choice, require_positive
from equical.workflows.phonon.settings import HarmonicSettings, repeats_or_length

__all__ = ["ConductivitySettings", "Method"]

Method = Literal["rta", "lbte"]

TEMPERATURES = tuple(np.arange(100.0, 1001.0, 100.0).tolist())
"""K."""


@dataclass(frozen=True)
class ConductivitySettings(HarmonicSettings):
    """Which supercells to displace atoms in, how to solve the Boltzmann equation, and at which temperatures.

    Attributes:
        supercell: of the second-order force constants: three numbers of repeats, or the least distance in Å between
            opposite faces of the supercell.
        displacement: Å.
        mesh: Å. The Boltzmann equation is solved on ``mesh |b|`` wave vectors along each reciprocal vector b (without
            2π).
        temperatures: K, ascending; by default 100 to 1000 in steps of 100.
        third_order_supercell: of the third-order force constants, as ``supercell``.
        pair_cutoff: Å. Pairs of atoms farther apart are not displaced together, and their third-order force constants
            are zero; None for all pairs in the supercell.
        method: ``"rta"`` (relaxation-time approximation) or ``"lbte"`` (the linearized Boltzmann equation solved
            directly).
        isotopes: let phonons scatter at the natural mixture of isotopes of each element, too.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = HarmonicSettings.ADJUSTABLE | {"method", "isotopes"}

    displacement: float = 0.03
    mesh: float = 50.0
    third_order_supercell: tuple[int, int, int] | float = 8.0
    pair_cutoff: float | None = None
    method: Method = "rta"
    isotopes: bool = False

    def __post_init__(self) -> None:
        if self.temperatures is None:
            object.__setattr__(self, "temperatures", TEMPERATURES)
        super().__post_init__()
        object.__setattr__(self, "third_order_supercell", repeats_or_length(self.third_order_supercell))
        require_choice(self, "method", get_args(Method))
        if self.pair_cutoff is not None:
            require_positive(self, "pair_cutoff")
        kelvin: Sequence[float] = self.temperatures or ()
        if not (np.diff(kelvin, prepend=0) > 0).all():
            raise InputError(
                "temperatures must ascend, and be above 0 K, where nothing scatters phonons and no conductivity follows"
            )
