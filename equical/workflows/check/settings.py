"""Which questions to ask, and how thoroughly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equical.errors import InputError
from equical.testing.checks import CHECKS
from equical.workflows.common.settings import Settings

__all__ = ["CheckSettings"]


@dataclass(frozen=True)
class CheckSettings(Settings):
    """Which questions to ask, and how thoroughly.

    Attributes:
        quick: fewer points, directions and steps.
        checks: names of the checks to do; None for all.

    Raises:
        InputError: there is no check of such a name.
    """

    quick: bool = False
    checks: Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name in self.checks or ():
            if name not in CHECKS:
                raise InputError(f"there is no check {name!r}; choose from {', '.join(CHECKS)}")
