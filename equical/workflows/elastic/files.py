"""What a calculation of elastic constants leaves on disk."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from equical.workflows.common.output import atomic_path, provenance, write_json, write_structures
from equical.workflows.elastic.plots import plot_stress_strain, plot_young

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

    from equical.workflows.elastic.run import ElasticResult

__all__ = ["write_elastic"]

UNITS = {
    "stiffness": "GPa", "stiffness_standard": "GPa", "stiffness_fitted": "GPa", "kelvin_moduli": "GPa",
    "reference_stress": "GPa", "reference_max_force": "eV/Å", "residual": "1", "symmetry_deviation": "1",
    "stresses": "GPa", "moduli": "GPa; poisson and anisotropy are pure numbers", "strains": "1", "wall_time_s": "s",
}  # fmt: skip


def write_elastic(folder: Path, result: ElasticResult, calculator: BaseCalculator, seconds: float) -> None:
    """Write ``result.json``, ``stiffness.csv``, ``reference.extxyz`` and the plots; ``seconds`` is the time it took."""
    write_structures(folder / "reference.extxyz", result.reference)
    with atomic_path(folder / "stiffness.csv") as path, path.open("w", newline="") as file:
        names = [str(i) for i in range(1, 7)]
        table = csv.writer(file)
        table.writerow(["C_IJ in GPa", *names])
        table.writerows([name, *row] for name, row in zip(names, result.stiffness.tolist(), strict=True))
    plot_stress_strain(result, folder / "stress_strain.png")
    (folder / "young.png").unlink(missing_ok=True)  # of an earlier run
    if result.stable:
        plot_young(result, folder / "young.png")
    numbers = {name: getattr(result, name) for name in UNITS if hasattr(result, name) and name != "moduli"}
    head = {"converged": result.converged, "warnings": result.warnings, "stable": result.stable}
    moduli = {"moduli": None if result.moduli is None else asdict(result.moduli)}
    tail = {"space_group": result.space_group, "num_atoms": len(result.reference), "wall_time_s": seconds}
    write_json(folder / "result.json", head | moduli | numbers | tail | provenance(calculator) | {"units": UNITS})
