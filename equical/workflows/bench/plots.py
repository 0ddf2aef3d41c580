"""The picture of a benchmark: cost against size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.bench.result import BenchResult

__all__ = ["plot_bench"]


def plot_bench(result: BenchResult, path: Path) -> None:
    """Draw the time of a step, with the middle half of all steps, and the time per atom against the number of atoms."""
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, NullLocator

    figure = Figure(figsize=(9, 4), layout="constrained")
    step_axes, atom_axes = figure.subplots(1, 2)
    for execution in dict.fromkeys(row.execution for row in result.rows):
        rows = [row for row in result.rows if row.execution == execution]
        sizes = [row.num_atoms for row in rows]
        label = execution + (" (gave up: eager)" if any(row.gave_up for row in rows) else "")
        low, high = (np.array([np.percentile(row.step_times, q) for row in rows]) for q in (25, 75))
        (line,) = step_axes.plot(sizes, [row.step_time for row in rows], "o-", label=label)
        step_axes.fill_between(sizes, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
        atom_axes.plot(sizes, [1e3 * row.atom_time for row in rows], "o-", color=line.get_color(), label=label)
    largest = max(result.rows, key=lambda row: row.num_atoms)
    ends = np.array([min(row.num_atoms for row in result.rows), largest.num_atoms])
    step_axes.plot(ends, largest.atom_time * ends, ":", color="0.6", label="proportional to atoms")
    step_axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="time of a step (s)")
    atom_axes.set(xscale="log", xlabel="atoms", ylabel="time per atom and step (ms)", ylim=(0, None))
    sizes = sorted({row.num_atoms for row in result.rows})
    for axes in (step_axes, atom_axes):
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
    # Times within one decade have no power of ten between them: number the ticks in between.
    step_axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.4)))
    step_axes.legend(frameon=False)
    figure.suptitle(f"{result.formula}: energy, forces and stress on {result.machine}", fontsize=10)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
