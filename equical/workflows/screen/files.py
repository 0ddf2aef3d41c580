"""What a screening leaves beside its database, and what is made of that on request."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from ase import Atoms

from equical.errors import InputError
from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.screen.plots import plot_screen
from equical.workflows.screen.result import ScreenResult
from equical.workflows.screen.store import DATABASE, Row, read_rows

__all__ = ["SCREEN_FILES", "export_screen", "write_screen"]

SCREEN_FILES = (
    DATABASE, f"{DATABASE}-journal", "screen.csv", "screen.png", "best.extxyz", "configurations.csv",
    "configurations.extxyz",
)  # fmt: skip
"""What a run leaves in its folder."""

BEST = {
    "surface": "surface",
    "adsorbate": "adsorbate",
    "reference": "reference",
    "adsorption_energy": "adsorption_energy_eV",
    "site": "site",
    "configuration": "configuration",
    "configurations": "configurations",
    "anomalous": "anomalous",
    "outside": "outside",
}
"""Attributes of the most stable configurations, and what their columns are called."""

ALL = {
    "surface": "surface",
    "adsorbate": "adsorbate",
    "reference": "reference",
    "configuration": "configuration",
    "site": "site",
    "final_site": "final_site",
    "adsorption_energy": "adsorption_energy_eV",
    "height": "height_A",
    "shortest_bond": "shortest_bond_A",
    "max_force": "max_force_eV_per_A",
    "steps": "steps",
    "seconds": "seconds",
    "anomalies": "anomalies",
    "outside": "outside",
    "reason": "reason",
}
"""Values of an adsorption's row, and what their columns are called."""


def write_screen(folder: RunFolder, result: ScreenResult) -> None:
    """Write the table of energies, its picture, and the most stable structures."""
    _write_csv(folder / "screen.csv", BEST.values(), ([vars(one)[name] for name in BEST] for one in result.adsorptions))
    best = [
        _labelled(one.atoms, surface=one.surface, adsorbate=one.adsorbate, adsorption_energy=one.adsorption_energy)
        for one in result.adsorptions
        if one.atoms is not None
    ]
    for name in ("best.extxyz", "screen.png"):
        (folder / name).unlink(missing_ok=True)  # of an earlier run
    if best:
        write_structures(folder / "best.extxyz", best)
        plot_screen(result.adsorptions, folder / "screen.png")


def export_screen(folder: str | PathLike[str], kind: Literal["csv", "extxyz"]) -> Path:
    """Write all configurations of a screening, one that runs included, into its folder.

    Args:
        folder: of the screening.
        kind: ``"csv"`` for a table with the failed ones, too; ``"extxyz"`` for the relaxed structures.

    Returns:
        The file.

    Raises:
        InputError: no such folder or kind, or nothing to export yet.
    """
    if kind not in ("csv", "extxyz"):
        raise InputError(f"a screening is exported as csv or extxyz, not as {kind!r}")
    rows = [row for row in read_rows(Path(folder) / DATABASE)[0] if row.kind == "adsorption" and row.status != "open"]
    path = Path(folder) / f"configurations.{kind}"
    if kind == "csv":
        _write_csv(path, ["status", *ALL.values()], ([row.status, *_cells(row)] for row in rows))
        return path
    done = [_labelled(row.atoms, **_labels(row)) for row in rows if row.status == "done"]
    if not done:
        raise InputError(f"the screening in {folder} has no relaxed configurations yet")
    write_structures(path, done)
    return path


def _labels(row: Row) -> dict[str, Any]:
    names = ("surface", "adsorbate", "reference", "configuration", "final_site", "adsorption_energy", "anomalies")
    return {name: row.values[name] for name in names}


def _cells(row: Row) -> Sequence[Any]:
    return [row.values.get(name, "") for name in ALL]


def _labelled(atoms: Atoms, **labels: Any) -> Atoms:
    """A copy with its results, and with labels for the comment line of extxyz."""
    labelled = atoms.copy()
    labelled.calc = atoms.calc
    labelled.info = labels
    return labelled


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
