"""What a run writes down as it goes: CSV tables, and TensorBoard where it is installed."""

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
    """

    def __init__(self, path: Path, until: int | None = None):
        self.path = path
        self.columns: list[str] = []
        kept = len([row for row in read_table(path) if row["step"] <= until]) if until is not None else 0
        if kept:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[: kept + 1]
            self.columns = lines[0].strip().split(",")
            with atomic_path(path) as temporary:
                temporary.write_text("".join(lines), encoding="utf-8")
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
        _, *rows = self.path.read_text(encoding="utf-8").splitlines()
        lines = [",".join(self.columns), *(row + "," * more for row in rows)]
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_table(path: Path) -> list[dict[str, float]]:
    """Rows of a table; cells that are empty or torn are left out, and so is a last line that was cut off."""
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = []
        for row in csv.DictReader(file):
            try:
                rows.append({key: float(value) for key, value in row.items() if value})
            except (TypeError, ValueError):
                continue
    return [row for row in rows if "step" in row]


def _short(value: float) -> float | str:
    return value if isinstance(value, int) else f"{value:.7g}"


class TensorBoard:
    """The same numbers for TensorBoard.

    Raises:
        InputError: the package is not installed.
    """

    def __init__(self, folder: Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("output.tensorboard needs the tensorboard package: pip install equical[train]") from error
        self.writer = SummaryWriter(str(folder))

    def add(self, prefix: str, row: Mapping[str, float]) -> None:
        """Write every number of a row at its step."""
        for key, value in row.items():
            if key != "step":
                self.writer.add_scalar(f"{prefix}/{key}", value, int(row["step"]))

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()
