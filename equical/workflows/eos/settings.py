"""Which volumes to look at, and what to fit to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_choice, require_positive, require_whole
from equical.workflows.eos.fit import FORMS

__all__ = ["EosSettings", "Relaxation"]

Relaxation = Literal["none", "ions", "shape"]

FEWEST_POINTS = 5
"""An equation of state has four parameters."""

MOST_POINTS = 1000

NARROWEST_RANGE = 1e-4
"""Narrower, energies differ by nothing but rounding."""


@dataclass(frozen=True)
class EosSettings(Settings):
    """Which volumes to look at, and what to fit to them.

    Attributes:
        form: equation of state, one of ASE's.
        volume_range: half width of the scan relative to the volume of the input.
        num_points: number of volumes, 5 to 1000.
        relax: ``"ions"`` relaxes the ions at each volume, ``"shape"`` also the shape of the cell at this volume, so
            that stress becomes hydrostatic; ``"none"`` neither.
        fmax: eV/Å. Where the relaxations stop.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"form"})

    form: str = "birchmurnaghan"
    volume_range: float = 0.06
    num_points: int = 11
    relax: Relaxation = "none"
    fmax: float = 1e-3

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InputError(f"no equation of state {self.form!r}; choose one of {', '.join(FORMS)}")
        require_choice(self, "relax", get_args(Relaxation))
        if not NARROWEST_RANGE <= self.volume_range <= 0.5:
            raise InputError(f"volume range {self.volume_range:g}: give half its width as a fraction, such as 0.06")
        if self.num_points < FEWEST_POINTS:
            raise InputError(
                f"{self.num_points} points cannot determine the four parameters of a fit: at least {FEWEST_POINTS}"
            )
        require_whole(self, "num_points", FEWEST_POINTS, MOST_POINTS)
        require_positive(self, "fmax")
