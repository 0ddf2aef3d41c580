"""What a run leaves behind: averages, drift, structure and motion, as a result and as files."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.io import iread
from numpy.typing import NDArray

from equical.files import atomic_path, write_json
from equical.workflows.common.frames import write_structures
from equical.workflows.md.analysis import (
    Diffusion,
    RadialDistribution,
    Spectrum,
    block_error,
    diffusion,
    drift,
    radial_distribution,
    spectrum,
)
from equical.workflows.md.plots import plot_diffusion, plot_radial_distribution, plot_spectrum, plot_thermo
from equical.workflows.md.record import THERMO, TRAJECTORY, frame_of
from equical.workflows.md.settings import MDSettings
from equical.workflows.md.simulate import CHECKPOINT, Outcome
from equical.workflows.md.velocities import frozen_mask

__all__ = ["Average", "MDResult", "summarise", "write_result"]

Floats = NDArray[np.float64]

FEWEST_FRAMES = 16  # four blocks of four
FILES = (
    CHECKPOINT, TRAJECTORY, THERMO, "final.extxyz", "thermo.png",
    "rdf.csv", "rdf.png", "msd.csv", "msd.png", "vacf.csv", "vdos.csv", "vdos.png",
)  # fmt: skip
"""What a run leaves in its folder."""

UNITS = {
    "time": "ps", "timestep": "fs", "temperature": "K", "pressure": "GPa", "volume": "Å³", "density": "g/cm³",
    "potential_energy": "eV", "energy_drift": "meV/atom/ps", "diffusion": "cm²/s", "diffusion_error": "cm²/s",
    "diffusion_from_vacf": "cm²/s", "thermostat_time": "fs", "barostat_time": "fs", "compressibility": "1/GPa",
    "wall_time_s": "s",
}  # fmt: skip


@dataclass(frozen=True)
class Average:
    """Mean of a fluctuating quantity.

    Attributes:
        mean: Over the run after equilibration.
        error: Standard error of the mean from ten blocks; NaN for fewer than twenty samples.
        deviation: Standard deviation of the fluctuations.
    """

    mean: float
    error: float
    deviation: float


@dataclass(frozen=True)
class MDResult:
    """Result of molecular dynamics. Averages, drift and functions leave out the equilibration.

    Attributes:
        converged: Whether all steps were done.
        problem: Why not, in a sentence; empty if they were.
        atoms: Structure and velocities after the last good step, positions not wrapped into the cell.
        steps: Time steps done.
        time: ps.
        degrees_of_freedom: That share the kinetic energy.
        temperature: K.
        potential_energy: eV.
        pressure: GPa, with the kinetic part; None without a barostat.
        volume: Å³; None without a barostat.
        density: g/cm³ at the mean volume; NaN for a structure that is not periodic in three directions.
        energy_drift: meV/atom/ps, slope of the conserved energy: that of the atoms plus what they gave to thermostat
            and barostat. NaN where none is defined (Berendsen; a temperature ramp with Nosé-Hoover chains).
        radial_distribution: None without periodicity in three directions.
        diffusion: None for fewer than 16 frames.
        spectrum: None for fewer than 16 frames.
        restarted_from: Step at which this run was taken up again; None for a new one.
        folder: Where the files are; None if there are none.
    """

    converged: bool
    problem: str
    atoms: Atoms = field(repr=False)
    steps: int
    time: float
    degrees_of_freedom: int
    temperature: Average
    potential_energy: Average
    pressure: Average | None
    volume: Average | None
    density: float
    energy_drift: float
    radial_distribution: RadialDistribution | None = field(repr=False)
    diffusion: Diffusion | None = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    restarted_from: int | None
    folder: Path | None


def summarise(atoms: Atoms, settings: MDSettings, dof: int, outcome: Outcome, folder: Path) -> MDResult:
    """Read the files of a run and compute what they tell.

    Args:
        atoms: At the last good step.
        settings: Of the run.
        dof: Thermal degrees of freedom.
        outcome: How the loop ended.
        folder: With trajectory and thermo table.
    """
    table = read_thermo(folder / THERMO)
    first = min(settings.equilibration * outcome.steps, table["step"][-1])
    after = {name: column[table["step"] >= first] for name, column in table.items()}
    rdf, motion, vibrations = _analyse(folder / TRAJECTORY, atoms, settings, first)
    volume = _average(after["volume_A3"]) if "volume_A3" in after else None
    mean_volume = volume.mean if volume else (atoms.get_volume() if atoms.pbc.all() else float("nan"))
    return MDResult(
        converged=not outcome.problem,
        problem=outcome.problem,
        atoms=atoms,
        steps=outcome.steps,
        time=outcome.steps * settings.timestep / 1000,
        degrees_of_freedom=dof,
        temperature=_average(after["temperature_K"]),
        potential_energy=_average(after["potential_eV"]),
        pressure=_average(after["pressure_GPa"]) if "pressure_GPa" in after else None,
        volume=volume,
        density=float(atoms.get_masses().sum() / mean_volume * units._amu * 1e27),
        energy_drift=1000 * drift(after["time_ps"], after["conserved_eV"]) / len(atoms),
        radial_distribution=rdf,
        diffusion=motion,
        spectrum=vibrations,
        restarted_from=outcome.restarted_from,
        folder=folder,
    )


def read_thermo(path: Path) -> dict[str, Floats]:
    """Columns of a thermo table by name."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


def _average(values: Floats) -> Average:
    return Average(float(values.mean()), block_error(values), float(values.std()))


def _analyse(
    path: Path, atoms: Atoms, settings: MDSettings, first: float
) -> tuple[RadialDistribution | None, Diffusion | None, Spectrum | None]:
    frames = [frame for frame in iread(path, index=":", format="extxyz") if frame.info["step"] >= first]
    symbols, masses, moving = np.array(atoms.get_chemical_symbols()), atoms.get_masses(), ~frozen_mask(atoms)
    positions = np.array([frame.positions for frame in frames])
    cells = np.array([frame.cell.array for frame in frames])
    rdf = radial_distribution(positions, cells, symbols) if atoms.pbc.all() and len(atoms) > 1 and frames else None
    if len(frames) < FEWEST_FRAMES:
        return rdf, None, None
    if settings.moves_cell:  # motion relative to the breathing cell, on the scale of its mean
        positions = positions @ np.linalg.inv(cells) @ cells.mean(axis=0)
    if moving.all():
        positions = positions - np.average(positions, axis=1, weights=masses)[:, None]
    velocities = np.array([frame.get_momenta() for frame in frames]) / masses[:, None] * (1000 * units.fs)  # Å/ps
    interval = (frames[1].info["step"] - frames[0].info["step"]) * settings.timestep / 1000
    return (
        rdf,
        diffusion(positions, interval, symbols, moving),
        spectrum(velocities, interval, symbols, masses, moving),
    )


def write_result(result: MDResult, settings: MDSettings, origin: Mapping[str, Any], wall_time: float) -> None:
    """Write ``result.json``, ``final.extxyz``, and tables and plots of what was analysed, into the run's folder.

    Args:
        result: To be written.
        settings: Of the run.
        origin: ``model`` and ``versions`` it was computed with.
        wall_time: s.
    """
    folder = result.folder
    assert folder is not None
    final = frame_of(result.atoms, result.steps, result.time, result.atoms.calc.results if result.atoms.calc else {})
    write_structures(folder / "final.extxyz", final)
    title = f"{result.atoms.get_chemical_formula()}, {settings.ensemble}"
    skipped = settings.equilibration * result.time
    table = read_thermo(folder / THERMO)
    plot_thermo(table, len(result.atoms), skipped, result.energy_drift, title, folder / "thermo.png")
    motion: dict[str, Any] = {}
    if (rdf := result.radial_distribution) is not None:
        columns = {"distance_A": rdf.distance, "total": rdf.total} | rdf.partial | {"coordination": rdf.coordination}
        _write_table(folder / "rdf.csv", columns)
        plot_radial_distribution(rdf, title, folder / "rdf.png")
    if result.diffusion is not None and result.spectrum is not None:
        msd, vibrations = result.diffusion, result.spectrum
        motion = {
            "diffusion": msd.coefficient,
            "diffusion_error": msd.error,
            "diffusion_from_vacf": vibrations.coefficient,
        }
        _write_table(folder / "msd.csv", {"lag_ps": msd.lag} | {f"{name}_A2": v for name, v in msd.msd.items()})
        _write_table(folder / "vacf.csv", {"lag_ps": vibrations.lag} | vibrations.vacf)
        _write_table(folder / "vdos.csv", {"frequency_THz": vibrations.frequency} | vibrations.dos)
        plot_diffusion(msd, title, folder / "msd.png")
        plot_spectrum(vibrations, title, folder / "vdos.png")
    outcome = {name: getattr(result, name) for name in ("converged", "problem", "steps", "time", "restarted_from")}
    names = ("degrees_of_freedom", "temperature", "potential_energy", "pressure", "volume", "density", "energy_drift")
    numbers = {name: getattr(result, name) for name in names}
    rest = {"settings": settings.to_dict(), "wall_time_s": wall_time, **origin, "units": UNITS}
    write_json(folder / "result.json", outcome | numbers | motion | rest)


def _write_table(path: Path, columns: Mapping[str, Floats]) -> None:
    rows: Iterable[tuple[float, ...]] = zip(*columns.values(), strict=True)
    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows([f"{value:.6g}" for value in row] for row in rows)
