"""What a calculator answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from equical.testing.finding import Finding
from equical.workflows.check.settings import CheckSettings
from equical.workflows.common.result import Result

__all__ = ["CheckResult"]


@dataclass(frozen=True, kw_only=True)
class CheckResult(Result):
    """What a calculator answered.

    Attributes:
        findings: what was measured, in the order it was asked.
        conservative: whether its forces are meant to be the gradient of its energy, which decides about limits.
        dtype: its precision, which does too.
        settings: what was asked.
        converged: whether every value is within its limit.
        warnings, wall_time, output: see :class:`.Result`.
    """

    findings: tuple[Finding, ...]
    conservative: bool
    dtype: str
    settings: CheckSettings

    UNITS: ClassVar[Mapping[str, str]] = {"value": "see unit of each finding", "limit": "see unit of each finding"}

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Findings beyond their limit."""
        return tuple(finding for finding in self.findings if not finding.passed)

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "num_checks": len({finding.check for finding in self.findings}),
            "num_failed": len(self.failed),
            "conservative": self.conservative,
            "dtype": self.dtype,
            "findings": [finding.to_json() for finding in self.findings],
            "settings": self.settings.to_json(),
        }
