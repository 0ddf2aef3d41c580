"""The page of any run: what its result holds, as it is called there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equical.html import Column, Page, Table
from equical.workflows.common.finished import FinishedRun

__all__ = ["page"]

ALREADY = frozenset({"converged", "wall_time_s", "dtype"})
"""Entries that every page shows elsewhere."""


def page(run: FinishedRun) -> Page:
    """Of a run of any workflow: numbers on top, lists of entries as tables."""
    plain = [name for name, value in run.result.items() if name not in ALREADY and isinstance(value, str | int | float)]
    tables = [_table(run, name, value) for name, value in run.result.items() if _is_table(value)]
    return run.page(
        f"{(run.workflow or 'run').capitalize()} in {run.path.resolve().name}", facts=run.facts(*plain), tables=tables
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _table(run: FinishedRun, name: str, entries: Sequence[Mapping[str, Any]]) -> Table:
    named = dict.fromkeys(key for entry in entries for key in entry)
    keys = [key for key in named if all(_is_plain(entry.get(key)) for entry in entries)]
    columns = [Column(key.replace("_", " ")) if "unit" in named else run.column(key) for key in keys]
    return Table(name.replace("_", " ").capitalize(), columns, [[entry.get(key) for key in keys] for entry in entries])


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
