"""What a check has measured, and whether that is good enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One property of a calculator, measured.

    Attributes:
        check: its name.
        value: what was measured; NaN where it could not be.
        limit: the largest value that is accepted; None where the property is only reported.
        unit: of both.
        structure: what it was measured on.
        detail: one line on what the number is, or on why there is none.
        curve: points to draw, by name, where there is something to see.
    """

    check: str
    value: float
    limit: float | None
    unit: str
    structure: str
    detail: str = ""
    curve: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the value is within its limit; a number that is none is not."""
        return self.limit is None or bool(self.value <= self.limit)

    @property
    def verdict(self) -> str:
        """``"ok"``, ``"FAILED"``, or ``"-"`` where there is no limit."""
        return "-" if self.limit is None else "ok" if self.passed else "FAILED"

    def to_json(self) -> dict[str, Any]:
        """Everything but the curve."""
        return {
            "check": self.check,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "verdict": self.verdict,
            "structure": self.structure,
            "detail": self.detail,
        }
