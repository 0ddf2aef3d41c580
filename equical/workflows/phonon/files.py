"""What a calculation of phonons leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phonopy.file_IO import write_force_constants_to_hdf5

from equical.files import atomic_path
from equical.workflows.common.columns import write_columns
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.phonon.plots import (
    plot_bands_and_dos,
    plot_displacements,
    plot_group_velocities,
    plot_thermal,
)
from equical.workflows.phonon.result import PhononResult

if TYPE_CHECKING:
    from phonopy import Phonopy

__all__ = ["PHONON_FILES", "write_phonon"]

PHONON_FILES = (
    "forces/*.npz", "structure.extxyz", "thermal.csv", "bands_dos.png", "thermal.png", "phonopy.yaml",
    "force_constants.hdf5", "band.yaml", "total_dos.dat", "thermal_properties.yaml", "projected_dos.dat",
    "displacements.csv", "displacements.png", "group_velocities.png",
)  # fmt: skip
"""What a run leaves in its folder."""


def write_phonon(folder: RunFolder, result: PhononResult) -> None:
    """Write the files that :func:`equical.phonon` lists."""
    write_structures(folder / "structure.extxyz", result.structure)
    _write_phonopy_files(folder, result.phonopy)
    thermal = result.thermal
    columns = {
        "temperature_K": thermal.temperatures,
        "free_energy_eV_per_atom": thermal.free_energy,
        "entropy_J_per_K_mol": thermal.entropy,
        "heat_capacity_J_per_K_mol": thermal.heat_capacity,
    }
    write_columns(folder / "thermal.csv", columns)
    atoms = enumerate(zip(result.atomic.symbols, result.atomic.mean_square_displacements.T, strict=True), start=1)
    squares = {f"{symbol}{number}_A2": column for number, (symbol, column) in atoms}
    write_columns(folder / "displacements.csv", {"temperature_K": thermal.temperatures} | squares)
    plot_displacements(result, folder / "displacements.png")
    plot_group_velocities(result, folder / "group_velocities.png")
    plot_bands_and_dos(result, folder / "bands_dos.png")
    plot_thermal(result, folder / "thermal.png")


def _write_phonopy_files(folder: RunFolder, phonopy: Phonopy) -> None:
    """Write everything that phonopy's own tools go on from."""
    with atomic_path(folder / "phonopy.yaml") as path:
        phonopy.save(path, settings={"force_sets": True, "displacements": True, "force_constants": True})
    with atomic_path(folder / "force_constants.hdf5") as path:
        write_force_constants_to_hdf5(phonopy.force_constants, filename=path, p2s_map=phonopy.primitive.p2s_map)
    with atomic_path(folder / "band.yaml") as path:
        phonopy.write_yaml_band_structure(filename=path)
    with atomic_path(folder / "total_dos.dat") as path:
        phonopy.write_total_dos(filename=path)
    with atomic_path(folder / "projected_dos.dat") as path:
        phonopy.write_projected_dos(filename=path)
    with atomic_path(folder / "thermal_properties.yaml") as path:
        phonopy.write_yaml_thermal_properties(filename=path)
