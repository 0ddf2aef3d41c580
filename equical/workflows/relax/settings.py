"""How to relax, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_choice, require_positive

__all__ = ["CellMode", "OptimizerName", "RelaxSettings"]

CellMode = Literal["fixed", "free", "fixed-volume", "fixed-shape"]
OptimizerName = Literal["fire", "lbfgs", "bfgs"]


@dataclass(frozen=True)
class RelaxSettings(Settings):
    """How to relax, and when to stop.

    Attributes:
        fmax: eV/Å. Largest force allowed on any atom that is free to move.
        smax: GPa. Largest deviation allowed of any stress component that the cell is free to relax from its target,
            minus ``pressure``. The stress is that of the whole cell, so the vacuum of a slab dilutes it.
        steps: give up after this many steps.
        cell: ``"fixed"``; ``"free"`` for shape and volume; ``"fixed-volume"`` for the shape at constant volume;
            ``"fixed-shape"`` for the volume at constant shape. In a slab only in-plane vectors relax.
        pressure: GPa, hydrostatic, positive when it compresses.
        symmetry: keep the space group found at the start (to within 0.01 Å; the start is symmetrised to it first).
        optimizer: ``"lbfgs"`` (few steps), ``"bfgs"`` (fewer for small, stiff cells), ``"fire"`` (robust far from
            the minimum).

    Raises:
        InputError: a value out of range, or a combination without meaning.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"fmax", "smax", "steps", "optimizer"})

    fmax: float = 0.01
    smax: float = 0.02
    steps: int = 500
    cell: CellMode = "fixed"
    pressure: float = 0.0
    symmetry: bool = False
    optimizer: OptimizerName = "lbfgs"

    def __post_init__(self) -> None:
        require_positive(self, "fmax", "smax")
        if self.steps < 0:
            raise InputError(f"steps must not be negative, got {self.steps}")
        require_choice(self, "cell", get_args(CellMode))
        require_choice(self, "optimizer", get_args(OptimizerName))
        if not np.isfinite(self.pressure):
            raise InputError(f"pressure must be a finite number, got {self.pressure}")
        if self.pressure and self.cell in ("fixed", "fixed-volume"):
            raise InputError(
                "a pressure needs a cell whose volume may change: relax the cell too (--cell), or leave it out"
            )
