"""From the files of a run to its result."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from equical.workflows.common.notes import warn
from equical.workflows.md.analysis import block_error, drift, radial_distribution, spectrum
from equical.workflows.md.diffusion import diffusion
from equical.workflows.md.record import THERMO, TRAJECTORY, read_thermo, warn_of_gaps
from equical.workflows.md.result import Average
from equical.workflows.md.settings import MDSettings
from equical.workflows.md.velocities import frozen_mask

__all__ = ["summarise"]

FEWEST_FRAMES = 16
"""Four blocks of four."""

OFF_TARGET = 0.1
"""Of the temperature asked for; a mean that is farther off is warned of, where its error does not explain it."""

SURE = 3.0
"""Standard errors."""


def summarise(atoms: Atoms, settings: MDSettings, steps: int, interval: int, folder: Path) -> dict[str, Any]:
    """Read the files of a run and compute what they tell; the fields of :class:`.MDResult` that follow from them.

    Args:
        atoms: At the last good step.
        settings: Of the run.
        steps: Time steps done.
        interval: Steps between frames.
        folder: With trajectory and thermo table.
    """
    table = read_thermo(folder / THERMO)
    expected = range(0, steps + 1, interval)
    warn_of_gaps(THERMO, expected, set(table["step"].astype(int).tolist()))
    first = min(settings.equilibration_steps(steps), table["step"][-1])
    after = {name: column[table["step"] >= first] for name, column in table.items()}
    temperature = _average(after["temperature_K"])
    if settings.ensemble != "nve" and steps == settings.steps:
        _judge_temperature(temperature, float(after["target_K"].mean()))
    volume = _average(after["volume_A3"]) if "volume_A3" in after else None
    mean_volume = volume.mean if volume else (atoms.get_volume() if atoms.pbc.all() else nan)
    return {
        "steps": steps,
        "time": steps * settings.timestep / 1000,
        "temperature": temperature,
        "potential_energy": _average(after["potential_eV"]),
        "pressure": _average(after["pressure_GPa"]) if "pressure_GPa" in after else None,
        "volume": volume,
        "density": float(atoms.get_masses().sum() / mean_volume * units._amu * 1e27),
        "energy_drift": 1000 * drift(after["time_ps"], after["conserved_eV"]) / len(atoms),
    } | _analysed(_read_frames(folder / TRAJECTORY, expected, first), atoms, settings, interval)


def _average(values: NDArray[np.float64]) -> Average:
    return Average(float(values.mean()), block_error(values), float(values.std()))


def _judge_temperature(temperature: Average, target: float) -> None:
    """Warn of a mean that is far from what the thermostat should bring about."""
    off = abs(temperature.mean - target)
    if off > OFF_TARGET * target and not (isfinite(temperature.error) and off < SURE * temperature.error):
        warn(
            f"mean temperature of {temperature.mean:.0f} K where {target:.0f} K was asked for: not equilibrated, or "
            "too short to tell; go on with more steps, or leave out more with --equilibrate"
        )


def _read_frames(path: Path, expected: Sequence[int], first: float) -> list[Atoms]:
    from ase.io import iread

    frames = list(iread(path, index=":", format="extxyz"))
    warn_of_gaps(path.name, expected, {int(frame.info["step"]) for frame in frames})
    return [frame for frame in frames if frame.info["step"] >= first]


def _analysed(frames: list[Atoms], atoms: Atoms, settings: MDSettings, interval: int) -> dict[str, Any]:
    symbols, masses, moving = np.array(atoms.get_chemical_symbols()), atoms.get_masses(), ~frozen_mask(atoms)
    found: dict[str, Any] = {"radial_distribution": None, "diffusion": None, "spectrum": None}
    if atoms.pbc.all() and len(atoms) > 1 and frames:
        found["radial_distribution"] = radial_distribution(_positions(frames), _cells(frames), symbols)
    frames = _longest_without_gap(frames, interval)
    if len(frames) < FEWEST_FRAMES:
        return found
    positions, cells = _positions(frames), _cells(frames)
    if settings.moves_cell:  # motion relative to the breathing cell, on the scale of its mean
        positions = positions @ np.linalg.inv(cells) @ cells.mean(axis=0)
    if moving.all():
        positions = positions - np.average(positions, axis=1, weights=masses)[:, None]
    velocities = np.array([frame.get_momenta() for frame in frames]) / masses[:, None] * (1000 * units.fs)  # Å/ps
    apart = interval * settings.timestep / 1000
    obstacle = "the temperature changes in the course of the run" if settings.is_ramp else ""
    motion = found["diffusion"] = diffusion(positions, velocities, apart, symbols, moving, obstacle)
    found["spectrum"] = spectrum(velocities, apart, symbols, masses, moving)
    if settings.ensemble == "langevin" and len(motion.reason) < len(motion.coefficient):
        warn("the friction of the langevin thermostat slows diffusion: measure it with nve, bussi or nose-hoover")
    return found


def _longest_without_gap(frames: list[Atoms], interval: int) -> list[Atoms]:
    """The longest part in which frames follow each other as they should; correlations in time need that."""
    steps = np.array([frame.info["step"] for frame in frames])
    parts = np.split(np.arange(len(frames)), np.flatnonzero(np.diff(steps) != interval) + 1)
    longest = max(parts, key=len)
    return [frames[i] for i in longest]


def _positions(frames: Sequence[Atoms]) -> NDArray[np.float64]:
    return np.array([frame.positions for frame in frames])


def _cells(frames: Sequence[Atoms]) -> NDArray[np.float64]:
    return np.array([frame.cell.array for frame in frames])
