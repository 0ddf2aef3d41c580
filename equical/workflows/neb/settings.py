"""How many images a band has, what holds them apart, and when it has found its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_choice, require_positive, require_whole

__all__ = ["BandOptimizer", "NebSettings"]

BandOptimizer = Literal["fire", "lbfgs"]


MOST_IMAGES = 1000


@dataclass(frozen=True)
class NebSettings(Settings):
    """How many images a band has, what holds them apart, and when it has found its path.

    Attributes:
        images: between the two ends.
        climb: let the highest image climb to the saddle point, once the band lies near its path.
        spring: eV/Å², of the springs between neighbouring images.
        fmax: eV/Å. Largest force allowed on an atom of an image; along the path it is that of the springs.
        steps: give up after this many steps of the band.
        optimizer: ``"fire"`` (robust), or ``"lbfgs"`` (half the steps where the path is smooth; may fail where not).
        keep_order: atoms of the two ends correspond in the order they have.
        relax_ends: relax both ends first, to 0.01 eV/Å.

    Raises:
        InputError: a value out of range.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"climb", "fmax", "steps", "optimizer"})

    images: int = 7
    climb: bool = True
    spring: float = 0.1
    fmax: float = 0.05
    steps: int = 500
    optimizer: BandOptimizer = "fire"
    keep_order: bool = False
    relax_ends: bool = False

    def __post_init__(self) -> None:
        if self.images < 1:
            raise InputError(f"a band needs one image at least between its ends, got {self.images}")
        require_whole(self, "images", 1, MOST_IMAGES)
        require_positive(self, "spring", "fmax")
        if self.steps < 0:
            raise InputError(f"steps must not be negative, got {self.steps}")
        require_choice(self, "optimizer", get_args(BandOptimizer))
