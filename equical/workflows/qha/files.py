"""What phonons over volumes leave on disk."""

from __future__ import annotations

from equical.workflows.common.columns import write_columns
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.qha.plots import plot_helmholtz, plot_qha
from equical.workflows.qha.result import QhaResult

__all__ = ["QHA_FILES", "write_qha"]

QHA_FILES = (
    "volumes/*.npz", "forces/*/*.npz", "qha.csv", "volumes.csv", "helmholtz.csv", "structures.extxyz", "qha.png",
    "helmholtz.png",
)  # fmt: skip
"""What a run leaves in its folder."""


def write_qha(folder: RunFolder, result: QhaResult) -> None:
    """Write the files that :func:`equical.qha` lists."""
    write_structures(folder / "structures.extxyz", result.structures)
    found = result.equilibrium
    at_temperatures = {
        "temperature_K": result.temperatures,
        "volume_A3_per_atom": found.volume,
        "thermal_expansion_per_K": found.thermal_expansion,
        "bulk_modulus_GPa": found.bulk_modulus,
        "gibbs_energy_eV_per_atom": found.gibbs_energy,
        "heat_capacity_p_J_per_K_mol": found.heat_capacity_p,
        "heat_capacity_v_J_per_K_mol": found.heat_capacity_v,
        "gruneisen": found.gruneisen,
    }
    at_volumes = {
        "ratio": result.ratios,
        "volume_A3_per_atom": result.volumes,
        "energy_eV_per_atom": result.energies,
        "zero_point_energy_eV_per_atom": result.zero_point_energies,
    }
    free = {"temperature_K": result.temperatures} | {
        f"eV_per_atom_at_{volume:.4f}_A3": column
        for volume, column in zip(result.volumes, result.helmholtz.T, strict=True)
    }
    write_columns(folder / "qha.csv", at_temperatures)
    write_columns(folder / "volumes.csv", at_volumes)
    write_columns(folder / "helmholtz.csv", free)
    plot_qha(result, folder / "qha.png")
    plot_helmholtz(result, folder / "helmholtz.png")
