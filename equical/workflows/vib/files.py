"""What a calculation of vibrations leaves on disk."""

from __future__ import annotations

import csv

import numpy as np
from ase import Atoms, units

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.vib.modes import movers
from equical.workflows.vib.plots import plot_spectrum
from equical.workflows.vib.result import VibResult

__all__ = ["VIB_FILES", "animation", "write_vib"]

VIB_FILES = ("forces/*.npz", "structure.extxyz", "modes.extxyz", "vibrations.csv", "spectrum.png")
"""What a run leaves in its folder."""

FRAMES = 16
"""Of one period of a mode."""

AMPLITUDE = 0.3
"""Å, how far the atom that moves most goes in an animation."""


def write_vib(folder: RunFolder, result: VibResult) -> None:
    """Write the structure, the table of modes, and where there are any their animations and the spectrum."""
    write_structures(folder / "structure.extxyz", result.structure)
    with atomic_path(folder / "vibrations.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["mode", "frequency_per_cm", "quantum_meV", "reduced_mass_amu", "moves"])
        for number, frequency in enumerate(result.frequencies.tolist(), start=1):
            moves = movers(result.modes.displacements[number - 1], result.structure, result.indices)
            mass = float(result.modes.reduced_masses[number - 1])
            table.writerow([number, frequency, 1000 * units.invcm * frequency, mass, moves])
    if len(result.frequencies):
        frames = [frame for number in range(len(result.frequencies)) for frame in animation(result, number)]
        write_structures(folder / "modes.extxyz", frames)
        plot_spectrum(result, folder / "spectrum.png")


def animation(result: VibResult, mode: int) -> list[Atoms]:
    """Frames of one period of mode number ``mode``, counted from 0."""
    direction = result.modes.displacements[mode]
    swing = AMPLITUDE * direction / np.linalg.norm(direction, axis=1).max()
    start, frames = result.structure, []
    for phase in 2 * np.pi * np.arange(FRAMES) / FRAMES:
        frame = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc)
        frame.positions[list(result.indices)] += np.sin(phase) * swing
        frame.info = {"mode": mode + 1, "frequency_per_cm": float(result.frequencies[mode])}
        frames.append(frame)
    return frames
