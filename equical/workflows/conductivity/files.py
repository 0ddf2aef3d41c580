"""What a calculation of thermal conductivity leaves on disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equical.files import atomic_path
from equical.workflows.common.columns import write_columns
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.conductivity.plots import plot_conductivity, plot_modes
from equical.workflows.conductivity.result import ConductivityResult

__all__ = ["CONDUCTIVITY_FILES", "write_conductivity"]

CONDUCTIVITY_FILES = (
    "forces/*/*.npz", "structure.extxyz", "conductivity.csv", "modes.csv", "phono3py_params.yaml", "conductivity.png",
    "modes.png",
)  # fmt: skip
"""What a run leaves in its folder."""


def write_conductivity(folder: RunFolder, result: ConductivityResult) -> None:
    """Write the files that :func:`equical.conductivity` lists."""
    write_structures(folder / "structure.extxyz", result.structure)
    with atomic_path(folder / "phono3py_params.yaml") as path:
        result.phono3py.save(path)
    write_columns(folder / "conductivity.csv", _against_temperature(result))
    write_columns(folder / "modes.csv", _modes(result))
    plot_conductivity(result, folder / "conductivity.png")
    plot_modes(result, folder / "modes.png")


def _against_temperature(result: ConductivityResult) -> dict[str, NDArray[np.float64]]:
    kappa, pairs = result.kappa, (("xx", 0, 0), ("yy", 1, 1), ("zz", 2, 2), ("yz", 1, 2), ("xz", 0, 2), ("xy", 0, 1))
    columns = {"temperature_K": result.temperatures, "kappa_mean_W_per_m_K": result.transport.mean}
    columns |= {f"kappa_{name}_W_per_m_K": kappa[:, row, column] for name, row, column in pairs}
    if result.coarser is not None:
        columns["kappa_mean_coarser_W_per_m_K"] = result.coarser.mean
    return columns


def _modes(result: ConductivityResult) -> dict[str, NDArray[np.float64]]:
    found = result.transport
    shape = found.frequencies.shape
    kelvin = f"{result.temperatures[result.room]:g}K"
    q = np.repeat(found.qpoints, shape[1], axis=0)
    return {
        "q_a": q[:, 0],
        "q_b": q[:, 1],
        "q_c": q[:, 2],
        "weight": np.repeat(found.weights, shape[1]),
        "band": np.tile(np.arange(1, shape[1] + 1), shape[0]),
        "frequency_THz": found.frequencies.ravel(),
        "speed_m_per_s": found.speeds.ravel(),
        f"lifetime_ps_at_{kelvin}": found.lifetimes[result.room].ravel(),
        f"kappa_W_per_m_K_at_{kelvin}": found.contributions[result.room].ravel(),
    }
