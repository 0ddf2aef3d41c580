"""Where to put an adsorbate, and how far to relax it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from equical.workflows.adsorption.place import AZIMUTHS
from equical.workflows.common.settings import Settings
from equical.workflows.relax import RelaxSettings

__all__ = ["AdsorptionSettings"]


@dataclass(frozen=True)
class AdsorptionSettings(Settings):
    """Where to put an adsorbate, and how far to relax it.

    Attributes:
        reference: gas molecules that make the adsorbate, such as ``"1/2 O2"``; see :func:`.reference_for`.
        sites: kinds or names of sites to try (``["hollow"]``, ``["fcc", "top-Pt"]``); None for all.
        azimuths: degrees. Directions to try for adsorbates that are not upright.
        freeze: layers to freeze at the bottom; by default as the slab comes, or the lower half of it.
        fmax: eV/Å. Largest force allowed on an atom that is free to move.
        steps: the most that one relaxation may take.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"reference", "sites", "azimuths"})

    reference: str | Mapping[str, float] | None = None
    sites: Sequence[str] | None = None
    azimuths: Sequence[float] = AZIMUTHS
    freeze: int | None = None
    fmax: float = 0.03
    steps: int = 300

    def __post_init__(self) -> None:
        RelaxSettings(fmax=self.fmax, steps=self.steps)  # refuses what is out of range
