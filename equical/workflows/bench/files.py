"""What a benchmark leaves on disk."""

from __future__ import annotations

from equical.workflows.bench.plots import plot_bench
from equical.workflows.bench.result import BenchResult
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.parts import PARTS

__all__ = ["BENCH_FILES", "write_bench"]

BENCH_FILES = ("bench.png", PARTS)
"""What a run leaves in its folder."""


def write_bench(folder: RunFolder, result: BenchResult) -> None:
    """Draw the plot, unless there was no time for anything."""
    if result.rows:
        plot_bench(result, folder / "bench.png")
