"""What a scan of volumes leaves on disk."""

from __future__ import annotations

import csv

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.eos.plots import plot_eos
from equical.workflows.eos.result import EosResult

__all__ = ["EOS_FILES", "write_eos"]

EOS_FILES = ("points/*.npz", "scan.extxyz", "eos.csv", "eos.png", "equilibrium.extxyz")
"""What a run leaves in its folder."""


def write_eos(folder: RunFolder, result: EosResult) -> None:
    """Write the scan, the table, the plot, and the crystal at equilibrium if there is one."""
    write_structures(folder / "scan.extxyz", result.structures)
    with atomic_path(folder / "eos.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["volume_A3", "energy_eV"])
        table.writerows(zip(result.volumes.tolist(), result.energies.tolist(), strict=True))
    (folder / "equilibrium.extxyz").unlink(missing_ok=True)  # of a run that is resumed with another form
    if result.structure is not None:
        write_structures(folder / "equilibrium.extxyz", result.structure)
    plot_eos(result, folder / "eos.png")
