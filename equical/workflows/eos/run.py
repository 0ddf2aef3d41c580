"""Equation of state: energy against volume, and the equilibrium volume, energy and bulk modulus fitted to it."""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from tqdm import tqdm

from equical.errors import InputError
from equical.workflows.common.crystal import bare_crystal, require_total_energy, warn_each
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.output import (
    atomic_path,
    open_output,
    provenance,
    resolve_calculator,
    write_json,
    write_structures,
)
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.eos.fit import FORMS, EosFit, fit_eos
from equical.workflows.relax.run import RelaxSettings, run_relaxation

__all__ = ["EosResult", "eos"]

Relaxation = Literal["none", "ions", "shape"]

FEWEST_POINTS = 5
"""An equation of state has four parameters."""

FILES = ("points/*.npz", "scan.extxyz", "eos.csv", "eos.png", "equilibrium.extxyz")
"""What a run leaves in its folder."""

UNITS = {
    "volume": "Å³ per cell", "energy": "eV per cell", "bulk_modulus": "GPa", "bulk_modulus_derivative": "1",
    "lattice_scale": "1", "rms_residual": "eV per atom", "r_squared": "1", "volumes": "Å³ per cell",
    "energies": "eV per cell", "wall_time_s": "s",
}  # fmt: skip


@dataclass(frozen=True)
class EosResult:
    """Equation of state of a crystal. Fitted numbers are NaN where the fit was refused.

    Attributes:
        form: name of the equation of state, as ASE calls it.
        volumes: ``[P]`` Å³, volumes of the cell.
        energies: ``[P]`` eV, energies of the cell.
        structures: ``[P]`` crystals at these volumes, relaxed as asked.
        volume: V0 in Å³, of the cell.
        energy: E0 in eV, of the cell.
        bulk_modulus: B0 in GPa.
        bulk_modulus_derivative: B0' = dB/dP at V0.
        lattice_scale: (V0 / V of the input)^(1/3), the factor from the input's lattice constants to the fitted ones.
        structure: the crystal of the nearest volume scaled to V0; None where the fit was refused.
        fit: the fit itself, with its quality.
        problems: why the fit was refused, and which points did not relax; empty where all is well.
        converged: no problems.
    """

    form: str
    volumes: NDArray[np.float64]
    energies: NDArray[np.float64]
    structures: list[Atoms] = field(repr=False)
    volume: float
    energy: float
    bulk_modulus: float
    bulk_modulus_derivative: float
    lattice_scale: float
    structure: Atoms | None = field(repr=False)
    fit: EosFit = field(repr=False)
    problems: tuple[str, ...]
    converged: bool


def eos(  # noqa: PLR0913
    atoms: Atoms,
    calculator: BaseCalculator | str | None = None,
    *,
    form: str = "birchmurnaghan",
    volume_range: float = 0.06,
    num_points: int = 11,
    relax: Relaxation = "none",
    fmax: float = 1e-3,
    output: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = True,
) -> EosResult:
    """Scan the volume of a crystal and fit an equation of state.

    The cell is scaled isotropically, with fractional coordinates kept, to ``num_points`` volumes evenly spaced between
    ``1 − volume_range`` and ``1 + volume_range`` times the input's. The range is one of *volume*: 0.06 changes lattice
    constants by about 0.02.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            default model.
        form: equation of state, one of ASE's.
        volume_range: half width of the scan relative to the volume of the input.
        num_points: number of volumes, at least 5.
        relax: ``"ions"`` relaxes the ions at each volume, ``"shape"`` also the shape of the cell at this volume, so
            that stress becomes hydrostatic; ``"none"`` neither.
        fmax: eV/Å. Where the relaxations stop.
        output: folder for ``result.json``, ``eos.csv``, ``eos.png``, ``scan.extxyz`` and ``equilibrium.extxyz``.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``.
        quiet: show no progress.

    Raises:
        InputError: not a bulk crystal, a model of adsorption energies, or settings out of range.
    """
    start = time.perf_counter()
    crystal = bare_crystal(atoms, "an equation of state")
    _check_settings(form, volume_range, num_points, relax, fmax)
    calc = resolve_calculator(calculator, atoms)
    require_total_energy(calc, "an equation of state")
    warn_if_unsuitable(calc, crystal, "an equation of state", forces=relax != "none")
    folder = None
    if output is not None:
        folder = open_output(output, "eos", crystal.get_chemical_formula(), FILES, overwrite=overwrite, resume=resume)
    store = Evaluations(folder and folder / "points", calc, {"relax": relax, "fmax": fmax}, resume=resume)

    structures, unrelaxed = [], []
    ratios = np.linspace(1 - volume_range, 1 + volume_range, num_points)
    for index, ratio in enumerate(tqdm(ratios, desc="volumes", unit="point", disable=quiet or None)):
        scaled = _scaled(crystal, ratio)
        point = store.get(f"{index:04d}", scaled, lambda a: _evaluate(a, calc, relax, fmax))
        structures.append(_as_atoms(scaled, point))
        if not point["converged"]:
            unrelaxed.append(f"{ratio:.4g}")

    result = _fitted(crystal, structures, form, unrelaxed, fmax)
    if folder is not None:
        _write(folder, result, calc, time.perf_counter() - start)
    warn_each(result.problems)
    return result


def _check_settings(form: str, volume_range: float, num_points: int, relax: str, fmax: float) -> None:
    if form not in FORMS:
        raise InputError(f"no equation of state {form!r}; choose one of {', '.join(FORMS)}")
    if relax not in ("none", "ions", "shape"):
        raise InputError(f"relax must be 'none', 'ions' or 'shape', not {relax!r}")
    if not 0 < volume_range <= 0.5:
        raise InputError(f"volume range {volume_range:g}: give half its width as a fraction, such as 0.06")
    if num_points < FEWEST_POINTS:
        raise InputError(f"{num_points} points cannot determine the four parameters of a fit: at least {FEWEST_POINTS}")
    if not fmax > 0:
        raise InputError(f"fmax must be positive, not {fmax:g} eV/Å")


def _scaled(crystal: Atoms, ratio: float) -> Atoms:
    """The crystal with ``ratio`` times its volume, fractional coordinates kept."""
    scaled = crystal.copy()
    scaled.set_cell(crystal.cell[:] * ratio ** (1 / 3), scale_atoms=True)
    return scaled


def _evaluate(atoms: Atoms, calculator: BaseCalculator, relax: Relaxation, fmax: float) -> dict[str, object]:
    converged = True
    if relax != "none":
        settings = RelaxSettings(fmax=fmax, cell="fixed-volume" if relax == "shape" else "fixed")
        relaxed = run_relaxation(atoms, calculator, settings)
        atoms, converged = relaxed.atoms, relaxed.converged
    energy = calculator.get_potential_energy(atoms)
    return {"energy": energy, "positions": atoms.positions, "cell": atoms.cell[:], "converged": converged}


def _as_atoms(start: Atoms, point: Arrays) -> Atoms:
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = start.copy()
    atoms.set_cell(point["cell"])
    atoms.set_positions(point["positions"])
    atoms.calc = SinglePointCalculator(atoms, energy=float(point["energy"]))
    return atoms


def _fitted(crystal: Atoms, structures: list[Atoms], form: str, unrelaxed: list[str], fmax: float) -> EosResult:
    volumes = np.array([a.get_volume() for a in structures])
    energies = np.array([a.get_potential_energy() for a in structures])
    fit = fit_eos(volumes, energies, len(crystal), form)
    problems = [f"fit refused: {fit.problem}"] if fit.problem else []
    if unrelaxed:
        problems.append(f"not relaxed to {fmax:g} eV/Å at V/V_input = {', '.join(unrelaxed)}")
    structure = None
    if not fit.problem:
        nearest = structures[int(np.abs(volumes - fit.volume).argmin())]
        structure = _scaled(nearest, fit.volume / nearest.get_volume())
        structure.calc = None
    nan = float("nan")
    return EosResult(
        form=form,
        volumes=volumes,
        energies=energies,
        structures=structures,
        volume=nan if fit.problem else fit.volume,
        energy=nan if fit.problem else fit.energy,
        bulk_modulus=nan if fit.problem else fit.bulk_modulus / units.GPa,
        bulk_modulus_derivative=nan if fit.problem else fit.bulk_modulus_derivative,
        lattice_scale=nan if fit.problem else (fit.volume / crystal.get_volume()) ** (1 / 3),
        structure=structure,
        fit=fit,
        problems=tuple(problems),
        converged=not problems,
    )


def _write(folder: Path, result: EosResult, calculator: BaseCalculator, seconds: float) -> None:
    from equical.workflows.eos.plots import plot_eos

    write_structures(folder / "scan.extxyz", result.structures)
    with atomic_path(folder / "eos.csv") as path, path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["volume_A3", "energy_eV"])
        table.writerows(zip(result.volumes.tolist(), result.energies.tolist(), strict=True))
    (folder / "equilibrium.extxyz").unlink(missing_ok=True)  # of an earlier run
    if result.structure is not None:
        write_structures(folder / "equilibrium.extxyz", result.structure)
    plot_eos(result, folder / "eos.png")
    numbers = {name: getattr(result, name) for name in UNITS if hasattr(result, name)}
    quality = {name: getattr(result.fit, name) for name in ("rms_residual", "r_squared", "minimum_inside")}
    head = {"converged": result.converged, "problems": result.problems, "form": result.form}
    tail = {"num_atoms": len(result.structures[0]), "num_points": len(result.volumes), "wall_time_s": seconds}
    write_json(folder / "result.json", head | numbers | quality | tail | provenance(calculator) | {"units": UNITS})
