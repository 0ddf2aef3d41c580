"""Files of an adsorption run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from equical.files import atomic_path
from equical.workflows.adsorption.place import Placement
from equical.workflows.adsorption.plots import plot_energies, plot_sites, plot_structure
from equical.workflows.adsorption.result import AdsorptionResult, Configuration
from equical.workflows.adsorption.thermo import THERMO_FILES
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures

__all__ = ["ADSORPTION_FILES", "write_adsorption"]

ADSORPTION_FILES = (
    "steps/*.npz", "slab.extxyz", "starts.extxyz", "configurations.extxyz", "references.extxyz", "adsorption.csv",
    "sites.png", "energies.png", "best.extxyz", "best.png", *THERMO_FILES,
)  # fmt: skip
"""What a run leaves in its folder."""

COLUMNS = {
    "rank": "rank",
    "name": "configuration",
    "site": "site",
    "final_site": "final_site",
    "adsorption_energy": "adsorption_energy_eV",
    "energy": "energy_eV",
    "height": "height_A",
    "shortest_bond": "shortest_bond_A",
    "max_force": "max_force_eV_per_A",
    "steps": "steps",
    "anomalies": "anomalies",
    "same_as": "same_as",
    "outside": "outside",
}
"""Attributes of a configuration, and what their columns are called."""


def write_adsorption(folder: RunFolder, result: AdsorptionResult, placements: Sequence[Placement]) -> None:
    """Write structures, the table and the pictures."""
    write_structures(folder / "slab.extxyz", _labelled(result.slab))
    write_structures(folder / "starts.extxyz", [_labelled(p.atoms, configuration=p.name) for p in placements])
    write_structures(folder / "configurations.extxyz", [_described(c) for c in result.configurations])
    if result.references:
        write_structures(folder / "references.extxyz", [_labelled(r.atoms, molecule=r.name) for r in result.references])
    _write_csv(folder / "adsorption.csv", result)
    plot_sites(result, folder / "sites.png")
    plot_energies(result, folder / "energies.png")
    for name in ("best.png", "best.extxyz"):
        (folder / name).unlink(missing_ok=True)  # of an earlier run
    if result.best is not None:
        write_structures(folder / "best.extxyz", _described(result.best))
        plot_structure(result, folder / "best.png")


def _labelled(atoms: Atoms, **labels: Any) -> Atoms:
    """A copy with its results, and with labels for the comment line of extxyz."""
    labelled = atoms.copy()
    labelled.calc = atoms.calc
    labelled.info = labels
    return labelled


def _described(configuration: Configuration) -> Atoms:
    return _labelled(
        configuration.atoms,
        configuration=configuration.name,
        adsorption_energy=configuration.adsorption_energy,
        anomalies=", ".join(configuration.anomalies) or "none",
    )


def _write_csv(path: Path, result: AdsorptionResult) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(list(COLUMNS.values()))
        for configuration in result.configurations:
            values = vars(configuration) | {"anomalies": "; ".join(configuration.anomalies)}
            table.writerow([values[column] for column in COLUMNS])
