"""How far a screening goes into each surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equical.workflows.adsorption.place import AZIMUTHS
from equical.workflows.common.settings import Settings
from equical.workflows.relax import RelaxSettings

__all__ = ["ScreenSettings"]


@dataclass(frozen=True)
class ScreenSettings(Settings):
    """What is the same for all lines of a table.

    Attributes:
        sites: kinds or names of sites to try (``["hollow"]``, ``["top"]``); None for all.
        azimuths: degrees. Directions to try for adsorbates that are not upright.
        fmax: eV/Å. Largest force allowed on an atom that is free to move.
        steps: the most that one relaxation may take.

    Raises:
        InputError: a value out of range.
    """

    sites: Sequence[str] | None = None
    azimuths: Sequence[float] = AZIMUTHS
    fmax: float = 0.03
    steps: int = 300

    def __post_init__(self) -> None:
        RelaxSettings(fmax=self.fmax, steps=self.steps)  # refuses what is out of range
