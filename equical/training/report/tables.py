"""Tables of a run: CSV files that grow row by row, and survive being cut off."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from equical.errors import InputError
from equical.files import atomic_path

__all__ = ["CsvTable", "read_table"]


class CsvTable:
    """A table with one row per report. A row with a new number gives the table a new column.

    Args:
        path: the file.
        until: when resuming, keep only rows up to this step; None starts an empty table.

    Raises:
        InputError: a table to go on with is damaged.
    """

    def __init__(self, path: Path, until: int | None = None):
        self.path = path
        self.columns: list[str] = []
        lines = [] if until is None else _lines(path)
        steps = [(line, _row(lines[0], line)) for line in lines[1:]]
        kept = [line for line, row in steps if row is not None and until is not None and row["step"] <= until]
        if kept:
            self.columns = lines[0].split(",")
            with atomic_path(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in [lines[0], *kept]), encoding="utf-8")
        else:
            path.unlink(missing_ok=True)

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row and make sure it is on disk."""
        new = not self.columns
        if missing := [key for key in row if key not in self.columns]:
            self.columns += missing
            if not new:
                self._widen(len(missing))
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, restval="", lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow({key: _short(value) for key, value in row.items()})

    def _widen(self, more: int) -> None:
        """Give the rows so far empty cells in ``more`` new columns."""
        _, *rows = _lines(self.path)
        lines = [",".join(self.columns), *(row + "," * more for row in rows)]
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_table(path: Path) -> list[dict[str, float]]:
    """Rows of a table; empty cells are left out, and so are rows that are torn, such as a last one that was cut off.

    Raises:
        InputError: the file is damaged.
    """
    lines = _lines(path)
    return [row for line in lines[1:] if (row := _row(lines[0], line)) is not None]


def _lines(path: Path) -> list[str]:
    """The names of the columns and the rows, as text; nothing where there is no table.

    Raises:
        InputError: the file is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        text = "\n"
    header, newline, rows = text.partition("\n")
    if newline and "step" not in header.split(","):
        raise InputError(f"{path} is damaged; remove it, and the run goes on without the rows that it held")
    return [header, *(row for row in rows.split("\n") if row)] if newline else []


def _row(header: str, line: str) -> dict[str, float] | None:
    """A row by the names of its columns; None where it is torn."""
    columns, cells = header.split(","), line.split(",")
    try:
        row = {name: float(cell) for name, cell in zip(columns, cells, strict=True) if cell}
    except ValueError:
        return None
    return row if "step" in row else None


def _short(value: float) -> float | str:
    return value if isinstance(value, int) else f"{value:.7g}"
