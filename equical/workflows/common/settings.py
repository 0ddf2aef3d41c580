"""What a run is told: checked when it is made, and compared when a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from equical.errors import InputError

__all__ = ["Settings", "require_choice", "require_positive", "require_whole"]


@dataclass(frozen=True)
class Settings:
    """Base of the settings of a workflow: a frozen dataclass that refuses what makes no sense when it is made.

    Attributes:
        ADJUSTABLE: names of the fields that may differ where an interrupted run goes on: they decide when it ends, and
            not what it computes on the way.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Every field in the types that JSON has."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def identity(self) -> dict[str, Any]:
        """The fields that must stay the same where an interrupted run goes on."""
        return {name: value for name, value in self.to_json().items() if name not in self.ADJUSTABLE}


def require_positive(settings: Settings, *names: str) -> None:
    """Refuse fields that are not positive, finite numbers.

    Raises:
        InputError: names the first one that is not.
    """
    for name in names:
        value = getattr(settings, name)
        if not 0 < value < np.inf:
            raise InputError(f"{name} must be a positive number, got {value}")


def require_whole(settings: Settings, name: str, least: int, most: int) -> None:
    """Refuse a field that is no whole number in a range: beyond ``most`` there would be no end, or no memory.

    Raises:
        InputError: names the field and the range.
    """
    value = getattr(settings, name)
    if not isinstance(value, int | np.integer) or not least <= value <= most:
        raise InputError(f"{name} must be a whole number from {least} to {most}, got {value!r}")


def require_choice(settings: Settings, name: str, choices: Sequence[str]) -> None:
    """Refuse a field that is none of ``choices``.

    Raises:
        InputError: names the field and the choices.
    """
    value = getattr(settings, name)
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
