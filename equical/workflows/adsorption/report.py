"""Files and the table of an adsorption run."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.files import atomic_path, write_json
from equical.workflows.adsorption.place import Placement
from equical.workflows.adsorption.plots import plot_energies, plot_sites, plot_structure
from equical.workflows.adsorption.result import AdsorptionResult, Configuration
from equical.workflows.adsorption.slabs import count_layers, fixed_atoms
from equical.workflows.common.frames import write_structures
from equical.workflows.common.provenance import provenance

__all__ = ["format_summary", "format_table", "write_results"]

FILES = (
    "steps/*.npz", "slab.extxyz", "starts.extxyz", "configurations.extxyz", "references.extxyz", "adsorption.csv",
    "sites.png", "energies.png", "best.extxyz", "best.png",
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
}
"""Attributes of a configuration, and what their columns are called."""


def format_summary(result: AdsorptionResult) -> str:
    """What was calculated and what came out, as text of some lines."""
    frozen = int(fixed_atoms(result.slab).sum())
    lines = [
        f"slab        {result.slab.get_chemical_formula()}, {count_layers(result.slab)} layers, {frozen} atoms frozen, "
        f"one {result.adsorbate} per {result.surface_atoms} surface atoms"
    ]
    if result.bulk is not None:
        a, b, c, *angles = result.bulk.cell.cellpar()
        angles_text = " ".join(f"{angle:.1f}" for angle in angles)
        lines.append(f"bulk        relaxed, cell {a:.4f} {b:.4f} {c:.4f} Å, {angles_text}°")
    if result.references:
        energies = [f"E({r.name}) = {r.energy:.4f} eV" for r in result.references]
        lines.append(f"references  {', '.join(energies)}, E(slab) = {result.slab_energy:.4f} eV")
    return "\n".join([*lines, result.equation, "", format_table(result)])


def format_table(result: AdsorptionResult) -> str:
    """Ranked table of all configurations, as text."""
    width = max(len("configuration"), *(len(c.name) for c in result.configurations))
    lines = [f"rank  {'configuration':<{width}}  E_ads (eV)  bond (Å)  steps  remarks"]
    for c in result.configurations:
        numbers = f"{c.adsorption_energy:>10.3f}  {c.shortest_bond:>8.2f}  {c.steps:>5}"
        lines.append(f"{c.rank or '-':>4}  {c.name:<{width}}  {numbers}  {_remarks(c)}".rstrip())
    return "\n".join(lines)


def _remarks(configuration: Configuration) -> str:
    """Anomalies, with the destination of a migration and the reason of a failure."""
    texts = {"migrated": f"migrated to {configuration.final_site}", "failed": f"failed: {configuration.error}"}
    return ", ".join(texts.get(anomaly, anomaly) for anomaly in configuration.anomalies)


def write_results(
    folder: Path,
    result: AdsorptionResult,
    placements: Sequence[Placement],
    calculator: BaseCalculator,
    settings: Mapping[str, Any],
) -> None:
    """Write everything about a run; ``result.json`` comes last, so that it stands for a whole set of files."""
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
    write_json(folder / "result.json", result.to_json() | {"settings": dict(settings)} | provenance(calculator))


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
