"""What to measure, and how long to wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from equical.errors import InputError
from equical.inference.executions import EXECUTIONS
from equical.workflows.common.settings import Settings, require_positive

__all__ = ["SIZES", "BenchSettings"]

SIZES = (32, 108, 256, 500)


MOST_ATOMS = 10_000_000
"""More than any one machine holds."""


@dataclass(frozen=True)
class BenchSettings(Settings):
    """What to measure, and how long to wait for it.

    Attributes:
        sizes: numbers of atoms.
        executions: names, see :data:`equical.inference.executions.EXECUTIONS`.
        timestep: fs, for the simulated time in a day.
        steps: to measure for each size and execution.
        time_limit: s that one execution may take for one size, preparation included; what takes longer is left out.

    Raises:
        InputError: a value out of range.
    """

    sizes: tuple[int, ...] = SIZES
    executions: tuple[str, ...] = ("auto",)
    timestep: float = 1.0
    steps: int = 10
    time_limit: float = 300.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        object.__setattr__(self, "executions", tuple(self.executions))
        if not self.sizes or min(self.sizes) < 1 or max(self.sizes) > MOST_ATOMS:
            raise InputError(f"give numbers of atoms from 1 to {MOST_ATOMS:,}, such as 32, 108, 256")
        unknown = [name for name in self.executions if name not in EXECUTIONS]
        if unknown or not self.executions:
            raise InputError(f"executions are {', '.join(EXECUTIONS)}, and not {', '.join(unknown) or 'none'}")
        require_positive(self, "timestep", "time_limit")
        if self.steps < 1:
            raise InputError(f"at least one step must be measured, not {self.steps}")
