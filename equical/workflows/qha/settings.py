"""Which volumes to look at, at which temperatures and pressure, and how to compute phonons there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import require_choice
from equical.workflows.phonon.settings import HarmonicSettings
from equical.workflows.qha.equilibrium import FORMS

__all__ = ["QhaSettings"]

FEWEST_VOLUMES = 5
"""Heat capacities and entropies are fitted with polynomials of degree four in the volume."""


@dataclass(frozen=True)
class QhaSettings(HarmonicSettings):
    """Which volumes to look at, at which temperatures and pressure, and how to compute phonons there.

    Attributes:
        supercell, displacement, mesh, temperatures: see :class:`.HarmonicSettings`; temperatures must ascend.
        volume_range: smallest and largest volume, relative to that of the relaxed crystal.
        num_volumes: at least 5, evenly spaced.
        form: equation of state of the free energy at each temperature: ``"vinet"``, ``"birchmurnaghan"`` or
            ``"murnaghan"``.
        pressure: GPa, hydrostatic, positive when it compresses.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = HarmonicSettings.ADJUSTABLE | {
        "volume_range", "num_volumes", "form", "pressure",
    }  # fmt: skip

    volume_range: Sequence[float] = (0.97, 1.09)
    num_volumes: int = 9
    form: str = "vinet"
    pressure: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self, "form", list(FORMS))
        given = tuple(float(ratio) for ratio in self.volume_range)
        if len(given) != 2 or not 0.5 <= given[0] < given[1] <= 1.5:
            raise InputError(
                f"volume range {' '.join(f'{ratio:g}' for ratio in given)}: give the smallest and the largest volume "
                "relative to that of the relaxed crystal, such as 0.97 1.09"
            )
        object.__setattr__(self, "volume_range", given)
        if self.num_volumes < FEWEST_VOLUMES:
            raise InputError(f"{self.num_volumes} volumes are too few for the fits: at least {FEWEST_VOLUMES}")
        if not np.isfinite(self.pressure):
            raise InputError(f"pressure must be a finite number, got {self.pressure}")
        if not (np.diff(self.temperatures or ()) > 0).all():
            raise InputError("temperatures must ascend")
