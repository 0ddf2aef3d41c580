"""What a run of molecular dynamics leaves on disk when it is done, beside the files that have grown with it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.md.plots import plot_diffusion, plot_radial_distribution, plot_spectrum, plot_thermo
from equical.workflows.md.record import THERMO, TRAJECTORY, frame_of, read_thermo
from equical.workflows.md.result import MDResult
from equical.workflows.md.state import STATE, STATE_BEFORE

__all__ = ["MD_FILES", "write_md"]

MD_FILES = (
    TRAJECTORY, THERMO, STATE, STATE_BEFORE, "final.extxyz", "thermo.png",
    "rdf.csv", "rdf.png", "msd.csv", "msd.png", "vacf.csv", "vdos.csv", "vdos.png",
)  # fmt: skip
"""What a run leaves in its folder."""


def write_md(folder: RunFolder, result: MDResult) -> None:
    """Write ``final.extxyz``, and tables and plots of what was analysed."""
    known = result.atoms.calc.results if result.atoms.calc else {}
    write_structures(folder / "final.extxyz", frame_of(result.atoms, result.steps, result.time, known))
    title = f"{result.atoms.get_chemical_formula()}, {result.settings.ensemble}"
    plot_thermo(read_thermo(folder / THERMO), result, title, folder / "thermo.png")
    if (rdf := result.radial_distribution) is not None:
        columns = {"distance_A": rdf.distance, "total": rdf.total} | rdf.partial | {"coordination": rdf.coordination}
        _write_table(folder / "rdf.csv", columns)
        plot_radial_distribution(rdf, title, folder / "rdf.png")
    if (motion := result.diffusion) is not None:
        _write_table(folder / "msd.csv", {"lag_ps": motion.lag} | {f"{name}_A2": v for name, v in motion.msd.items()})
        plot_diffusion(motion, title, folder / "msd.png")
    if (vibrations := result.spectrum) is not None:
        _write_table(folder / "vacf.csv", {"lag_ps": vibrations.lag} | vibrations.vacf)
        _write_table(folder / "vdos.csv", {"frequency_THz": vibrations.frequency} | vibrations.dos)
        plot_spectrum(vibrations, title, folder / "vdos.png")


def _write_table(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    rows: Iterable[tuple[float, ...]] = zip(*columns.values(), strict=True)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows([f"{value:.6g}" for value in row] for row in rows)
