"""What a check has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from equical.training.data.labels import Frame

__all__ = ["DataFinding", "numbered"]


@dataclass(frozen=True)
class DataFinding:
    """One observation about a data set.

    Attributes:
        severity: ``error``: training would go wrong; ``warning``: it may; ``note``: good to know.
        check: short name of the check.
        message: what was found.
        advice: what to do about it.
        frames: origins of the frames concerned; empty if it concerns all.
    """

    severity: Literal["error", "warning", "note"]
    check: str
    message: str
    advice: str
    frames: tuple[str, ...] = ()

    def line(self) -> str:
        """For a terminal."""
        return f"{self.severity}: {self.message}{numbered(self.frames)}. {self.advice}"


def numbered(origins: Sequence[str], most: int = 6) -> str:
    """Frame numbers in brackets, the first few; file names are left out."""
    if not origins:
        return ""
    numbers = [origin.rpartition("frame ")[2] for origin in origins[:most]]
    more = ", …" if len(origins) > most else ""
    return f" (frame{'s' if len(origins) > 1 else ''} {', '.join(numbers)}{more})"


def origins(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Where frames come from."""
    return tuple(frame.origin for frame in frames)
