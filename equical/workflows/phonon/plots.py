"""Pictures of phonons: bands beside the density of states, and thermal properties."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.files import atomic_path

if TYPE_CHECKING:
    from equical.workflows.phonon.result import PhononResult

__all__ = ["plot_bands_and_dos", "plot_displacements", "plot_group_velocities", "plot_thermal"]

MEV_PER_THZ = 4.135667696
GAS_CONSTANT = 8.31446262
"""J/K/mol"""


def plot_bands_and_dos(result: PhononResult, path: Path) -> None:
    """Draw the bands along the path, imaginary frequencies below zero, and the density of states on the same scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    band_axes, dos_axes = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    bands = result.phonopy.band_structure
    for distances, frequencies in zip(bands.distances, bands.frequencies, strict=True):
        band_axes.plot(distances, frequencies, color="C0", linewidth=1)
        band_axes.axvline(distances[0], color="0.8", linewidth=0.8, zorder=0)
    positions, labels = _ticks(bands)
    band_axes.set_xticks(positions, labels)
    band_axes.set_xlim(positions[0], positions[-1])
    band_axes.set_ylabel("frequency (THz)")
    band_axes.set_title(
        f"{result.structure.get_chemical_formula(empirical=True)}, {result.space_group}, "
        f"supercell {'×'.join(str(n) for n in result.supercell)}",
        fontsize=11,
    )
    dos_axes.fill_betweenx(result.dos_frequencies, result.dos, color="C0", alpha=0.3, linewidth=0)
    dos_axes.plot(result.dos, result.dos_frequencies, color="C0", linewidth=1)
    parts = result.atomic.species_dos
    if len(parts) > 1:
        for color, (symbol, part) in enumerate(parts.items(), start=1):
            dos_axes.plot(part, result.dos_frequencies, color=f"C{color}", linewidth=1, label=symbol)
        dos_axes.legend(frameon=False, fontsize=8)
    dos_axes.set_xlim(left=0)
    dos_axes.set_xlabel("states per THz\nand primitive cell")
    energy_axis = dos_axes.secondary_yaxis("right", functions=(lambda f: f * MEV_PER_THZ, lambda e: e / MEV_PER_THZ))
    energy_axis.set_ylabel("energy (meV)")
    lowest = min(f.min() for f in bands.frequencies)
    highest = max(f.max() for f in bands.frequencies)
    margin = 0.04 * (highest - min(lowest, 0))
    band_axes.set_ylim(lowest - margin if result.imaginary_modes else 0, highest + margin)
    if result.imaginary_modes:
        for axes in (band_axes, dos_axes):
            axes.axhline(0, color="C3", linewidth=0.8)
        band_axes.annotate("imaginary", (0.01, 0), xycoords=("axes fraction", "data"), color="C3", fontsize=8,
                           xytext=(0, -2), textcoords="offset points", va="top")  # fmt: skip
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _ticks(bands: object) -> tuple[list[float], list[str]]:
    """Where the path turns, and the labels there; two where it jumps, such as U|K."""
    positions: list[float] = []
    labels: list[str] = []
    names = iter(bands.labels)  # type: ignore[attr-defined]
    jumped = True
    for distances, goes_on in zip(bands.distances, bands.path_connections, strict=True):  # type: ignore[attr-defined]
        label = next(names)
        if jumped and positions:
            labels[-1] += f"|{label}"
        elif not positions:
            positions, labels = [float(distances[0])], [label]
        else:
            labels[-1] = label
        positions.append(float(distances[-1]))
        labels.append("" if goes_on else next(names))
        jumped = not goes_on
    return positions, labels


def plot_displacements(result: PhononResult, path: Path) -> None:
    """Draw mean-square displacements against temperature, the mean over the atoms of each element."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    kelvin, atomic = result.thermal.temperatures, result.atomic
    for symbol in sorted(set(atomic.symbols)):
        mine = [one == symbol for one in atomic.symbols]
        axes.plot(kelvin, atomic.mean_square_displacements[:, mine].mean(axis=1), "o-" if len(kelvin) < 4 else "-",
                  label=symbol)  # fmt: skip
    axes.set_xlabel("temperature (K)")
    axes.set_ylabel("mean-square displacement (Å²)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def plot_group_velocities(result: PhononResult, path: Path) -> None:
    """Draw the group velocity of each mode along the band path against its frequency."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    for frequencies, velocities in zip(result.band_frequencies, result.band_velocities, strict=True):
        speeds = np.linalg.norm(velocities, axis=2) / 1000
        axes.plot(np.ravel(frequencies), speeds.ravel(), ".", color="C0", markersize=3)
    axes.set_xlabel("frequency (THz)")
    axes.set_ylabel("group velocity (km/s)")
    axes.set_ylim(bottom=0)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)


def plot_thermal(result: PhononResult, path: Path) -> None:
    """Draw free energy, entropy and heat capacity per atom against temperature."""
    from matplotlib.figure import Figure

    thermal = result.thermal
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    free_axes, entropy_axes, heat_axes = figure.subplots(1, 3)
    style = "o-" if len(thermal.temperatures) < 4 else "-"
    free_axes.plot(thermal.temperatures, 1000 * thermal.free_energy, style, color="C0")
    free_axes.set_ylabel("vibrational free energy (meV/atom)")
    entropy_axes.plot(thermal.temperatures, thermal.entropy, style, color="C1")
    entropy_axes.set_ylabel("entropy (J/K per mol of atoms)")
    heat_axes.plot(thermal.temperatures, thermal.heat_capacity, style, color="C2")
    heat_axes.axhline(3 * GAS_CONSTANT, color="0.6", linestyle=":", label="3R")
    heat_axes.legend(frameon=False, loc="lower right")
    heat_axes.set_ylabel("$C_V$ (J/K per mol of atoms)")
    heat_axes.set_ylim(bottom=0)
    for axes in (free_axes, entropy_axes, heat_axes):
        axes.set_xlim(left=0, right=max(float(np.max(thermal.temperatures)), 1.0))
    figure.supxlabel("temperature (K)", fontsize=10)
    if result.imaginary_modes:
        figure.suptitle("without the imaginary modes", fontsize=10, color="C3")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
