"""What a calculation of phonons leaves on disk."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from phonopy.file_IO import write_force_constants_to_hdf5

from equical.workflows.common.output import atomic_path, provenance, write_json, write_structures
from equical.workflows.phonon.plots import plot_bands_and_dos, plot_thermal

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator
    from phonopy import Phonopy

    from equical.workflows.phonon.run import PhononResult

__all__ = ["FILES", "write_phonon"]

FILES = (
    "forces/*.npz", "structure.extxyz", "thermal.csv", "bands_dos.png", "thermal.png", "phonopy.yaml",
    "force_constants.hdf5", "band.yaml", "total_dos.dat", "thermal_properties.yaml",
)  # fmt: skip
"""What a run leaves in its folder."""

UNITS = {
    "max_force": "eV/Å", "residual_force": "eV/Å", "supercell_width": "Å", "displacement": "Å",
    "sum_rule_violation": "eV/Å²", "max_frequency": "THz", "min_frequency": "THz", "frequency": "THz",
    "q": "basis of the primitive cell's reciprocal vectors", "temperatures": "K", "free_energy": "eV per atom",
    "entropy": "J/K per mole of atoms", "heat_capacity": "J/K per mole of atoms", "zero_point_energy": "eV per atom",
    "wall_time_s": "s",
}  # fmt: skip


def write_phonon(
    folder: Path, result: PhononResult, displacement: float, calculator: BaseCalculator, seconds: float
) -> None:
    """Write the files that :func:`equical.workflows.phonon.run.phonon` lists; ``seconds`` is the time it took."""
    write_structures(folder / "structure.extxyz", result.structure)
    _write_phonopy_files(folder, result.phonopy)
    thermal = result.thermal
    columns = {
        "temperature_K": thermal.temperatures,
        "free_energy_eV_per_atom": thermal.free_energy,
        "entropy_J_per_K_mol": thermal.entropy,
        "heat_capacity_J_per_K_mol": thermal.heat_capacity,
    }
    with atomic_path(folder / "thermal.csv") as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(np.column_stack(list(columns.values())).tolist())
    plot_bands_and_dos(result, folder / "bands_dos.png")
    plot_thermal(result, folder / "thermal.png")
    all_bands = np.concatenate(result.band_frequencies)
    head = {
        "converged": result.converged,
        "warnings": result.warnings,
        "stable": not result.imaginary_modes,
        "imaginary_modes": [asdict(mode) for mode in result.imaginary_modes],
        "min_frequency": all_bands.min(),
        "max_frequency": all_bands.max(),
        "max_force": result.max_force,
        "residual_force": result.force_constants.residual_force,
        "sum_rule_violation": result.force_constants.sum_rule_violation,
        "supercell": result.supercell,
        "supercell_width": result.supercell_width,
        "displacement": displacement,
        "num_displacements": result.num_displacements,
        "num_reused": result.num_reused,
        "space_group": result.space_group,
        "wall_time_s": seconds,
    }
    write_json(folder / "result.json", head | asdict(thermal) | provenance(calculator) | {"units": UNITS})


def _write_phonopy_files(folder: Path, phonopy: Phonopy) -> None:
    """Write everything that phonopy's own tools go on from."""
    with atomic_path(folder / "phonopy.yaml") as path:
        phonopy.save(path, settings={"force_sets": True, "displacements": True, "force_constants": True})
    with atomic_path(folder / "force_constants.hdf5") as path:
        write_force_constants_to_hdf5(phonopy.force_constants, filename=path, p2s_map=phonopy.primitive.p2s_map)
    with atomic_path(folder / "band.yaml") as path:
        phonopy.write_yaml_band_structure(filename=path)
    with atomic_path(folder / "total_dos.dat") as path:
        phonopy.write_total_dos(filename=path)
    with atomic_path(folder / "thermal_properties.yaml") as path:
        phonopy.write_yaml_thermal_properties(filename=path)
