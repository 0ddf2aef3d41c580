"""How far a screening has come, told from its database while it runs or when it has stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from equical.workflows.screen.result import ScreenFailure, failures_of
from equical.workflows.screen.store import DATABASE, Row, read_rows

__all__ = ["ScreenStatus", "expected", "screen_status"]

RECENT = 200
"""Relaxations that the throughput is told from."""


@dataclass(frozen=True)
class ScreenStatus:
    """How far a screening has come.

    Attributes:
        counts: relaxations by kind (``"bulk"``, ``"gas"``, ``"slab"``, ``"adsorption"``) and by status (``"open"``,
            ``"done"``, ``"failed"``).
        expected: relaxations in all, as far as can be told: how many sites a slab has is known when it is relaxed.
        failures: what could not be calculated, and why.
        per_hour: relaxations that came to their end lately; None where there are none.
        seconds_left: at that rate; None where it cannot be told.
        seconds_since: the last one; None where there is none.
    """

    counts: Mapping[str, Mapping[str, int]]
    expected: int
    failures: tuple[ScreenFailure, ...]
    per_hour: float | None
    seconds_left: float | None
    seconds_since: float | None

    @property
    def ended(self) -> int:
        """Relaxations done and failed."""
        return sum(count.get("done", 0) + count.get("failed", 0) for count in self.counts.values())


def screen_status(folder: str | PathLike[str]) -> ScreenStatus:
    """Look into the folder of a screening, which is not changed.

    Raises:
        InputError: it is none.
    """
    rows, beside = read_rows(Path(folder) / DATABASE)
    kinds = {kind: Counter(row.status for row in rows if row.kind == kind) for kind in ("bulk", "gas", "slab")}
    kinds["adsorption"] = Counter(row.status for row in rows if row.kind == "adsorption")
    total = expected(rows, int(beside.get("surfaces", 0)), int(beside.get("pairs", 0)))
    ages = sorted(row.age for row in rows if "seconds" in row.values)[:RECENT]
    rate = (len(ages) - 1) / (ages[-1] - ages[0]) if len(ages) > 1 and ages[-1] > ages[0] else None
    left = total - sum(row.status != "open" for row in rows)
    return ScreenStatus(
        counts=kinds,
        expected=total,
        failures=failures_of(rows),
        per_hour=rate and rate * 3600,
        seconds_left=left / rate if rate else None,
        seconds_since=ages[0] if ages else None,
    )


def expected(rows: Sequence[Row], surfaces: int, pairs: int) -> int:
    """Relaxations in all.

    Args:
        rows: those known so far.
        surfaces: how many slabs there will be.
        pairs: of surface and adsorbate. Those not yet placed are taken to have as many configurations as others.
    """
    placed = Counter(row.pair for row in rows if row.pair)
    slabs = sum(row.kind == "slab" for row in rows)
    each = placed.total() / len(placed) if placed else 1.0
    return len(rows) + max(surfaces - slabs, 0) + round(max(pairs - len(placed), 0) * each)
