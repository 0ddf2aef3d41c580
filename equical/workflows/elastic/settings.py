"""How to strain a crystal, and in what state it must be."""

from __future__ import annotations

from dataclasses import dataclass

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_positive, require_whole

__all__ = ["ElasticSettings"]


SMALLEST_STRAIN = 1e-6
"""Smaller ones change stress by nothing but rounding."""

MOST_STRAINS = 1000


@dataclass(frozen=True)
class ElasticSettings(Settings):
    """How to strain a crystal, and in what state it must be.

    Attributes:
        max_strain: largest amount of strain (engineering strain: a shear of 0.005 has tensor components of 0.0025).
        num_strains: amounts for each mode, an even number of at least 4.
        clamped: let the ions follow the strain instead of relaxing them.
        relax_first: relax cell and ions, within the space group, before anything else; otherwise the structure is
            taken as given.
        fmax: eV/Å. Where the relaxations stop.
        force: go on from a reference under stress or, with ``clamped``, with forces.

    Raises:
        InputError: a value out of range.
    """

    max_strain: float = 0.005
    num_strains: int = 4
    clamped: bool = False
    relax_first: bool = True
    fmax: float = 1e-3
    force: bool = False

    def __post_init__(self) -> None:
        if not SMALLEST_STRAIN <= self.max_strain <= 0.05:
            raise InputError(
                f"largest strain {self.max_strain:g} is not in the elastic range: give a fraction such as 0.005"
            )
        if self.num_strains < 4 or self.num_strains % 2:
            raise InputError(
                f"{self.num_strains} strains for each mode: give an even number of at least 4, half of each sign"
            )
        require_whole(self, "num_strains", 4, MOST_STRAINS)
        require_positive(self, "fmax")
