"""What a calculation of elastic constants leaves on disk."""

from __future__ import annotations

import csv

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.elastic.plots import plot_stress_strain, plot_young
from equical.workflows.elastic.result import ElasticResult

__all__ = ["ELASTIC_FILES", "write_elastic"]

ELASTIC_FILES = ("points/*.npz", "reference.extxyz", "stiffness.csv", "stress_strain.png", "young.png")
"""What a run leaves in its folder."""


def write_elastic(folder: RunFolder, result: ElasticResult) -> None:
    """Write the reference, the stiffness as a table, and the plots."""
    write_structures(folder / "reference.extxyz", result.reference)
    with atomic_path(folder / "stiffness.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        names = [str(i) for i in range(1, 7)]
        table = csv.writer(file)
        table.writerow(["C_IJ in GPa", *names])
        table.writerows([name, *row] for name, row in zip(names, result.stiffness.tolist(), strict=True))
    plot_stress_strain(result, folder / "stress_strain.png")
    if result.stable:
        plot_young(result, folder / "young.png")
