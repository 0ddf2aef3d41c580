"""What an examination leaves on disk."""

from __future__ import annotations

import csv

from equical.files import atomic_path
from equical.workflows.check.plots import plot_check
from equical.workflows.check.result import CheckResult
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.parts import PARTS

__all__ = ["CHECK_FILES", "write_check"]

CHECK_FILES = ("check.csv", "check.png", PARTS)
"""What a run leaves in its folder."""


def write_check(folder: RunFolder, result: CheckResult) -> None:
    """Write the table and the page of plots."""
    with atomic_path(folder / "check.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["check", "structure", "value", "limit", "unit", "verdict", "detail"])
        table.writeheader()
        table.writerows(finding.to_json() for finding in result.findings)
    plot_check(result, folder / "check.png")
