"""Where to put an adsorbate, and how far to relax it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from equical.errors import InputError
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
        configurations: how many random places and orientations to try beside the sites.
        seed: of these.
        thermo: K and bar, the temperature and the pressure of each gas; None for energies alone.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset(
        {"reference", "sites", "azimuths", "configurations", "seed", "thermo"}
    )

    reference: str | Mapping[str, float] | None = None
    sites: Sequence[str] | None = None
    azimuths: Sequence[float] = AZIMUTHS
    freeze: int | None = None
    fmax: float = 0.03
    steps: int = 300
    configurations: int = 0
    seed: int = 0
    thermo: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        RelaxSettings(fmax=self.fmax, steps=self.steps)  # refuses what is out of range
        for name in ("configurations", "seed"):
            value = getattr(self, name)
            if value < 0 or value % 1:
                raise InputError(f"{name} must be a whole number from 0 on, got {value}")
        if self.thermo is not None:
            values = tuple(self.thermo)
            if len(values) != 2 or not all(0 < value < np.inf for value in values):
                raise InputError(f"thermo takes a temperature in K and a pressure in bar, such as 300 1, not {values}")
            object.__setattr__(self, "thermo", values)
