"""Tables of numbers on disk."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from equical.files import atomic_path

__all__ = ["write_columns"]


def write_columns(target: Path, columns: Mapping[str, NDArray]) -> None:
    """Write a CSV file with a line of names, and every digit of the numbers.

    Args:
        target: the file.
        columns: arrays of one length, by their names with units.
    """
    with atomic_path(target) as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
