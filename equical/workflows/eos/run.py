"""Equation of state: energy against volume, and the equilibrium volume, energy and bulk modulus fitted to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import not_
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms, units

from equical.workflows.common.crystal import bare_crystal, require_total_energy, with_volume
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.eos.files import EOS_FILES, write_eos
from equical.workflows.eos.fit import fit_eos
from equical.workflows.eos.result import EosResult
from equical.workflows.eos.settings import EosSettings, Relaxation
from equical.workflows.relax import relax as relax_structure

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["eos"]

PURPOSE = "an equation of state"


@formerly(quiet=("progress", not_))
@surroundings_kept()
def eos(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    form: str = "birchmurnaghan",
    volume_range: float = 0.06,
    num_points: int = 11,
    relax: Relaxation = "none",
    fmax: float = 1e-3,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> EosResult:
    """Scan the volume of a crystal and fit an equation of state.

    The cell is scaled isotropically, with fractional coordinates kept, to ``num_points`` volumes evenly spaced between
    ``1 − volume_range`` and ``1 + volume_range`` times the input's. The range is one of *volume*: 0.06 changes lattice
    constants by about 0.02.

    Args:
        atoms: crystal, periodic in three directions; not changed. Constraints are left out.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            shipped model that is made for them.
        form: equation of state, one of ASE's.
        volume_range: half width of the scan relative to the volume of the input.
        num_points: number of volumes, at least 5.
        relax: ``"ions"`` relaxes the ions at each volume, ``"shape"`` also the shape of the cell at this volume, so
            that stress becomes hydrostatic; ``"none"`` neither.
        fmax: eV/Å. Where the relaxations stop.
        output: folder for ``result.json``, ``eos.csv``, ``eos.png``, ``scan.extxyz`` and ``equilibrium.extxyz``.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``.
        progress: show a progress bar.

    Raises:
        InputError: not a bulk crystal, a model of adsorption energies, or settings out of range.
    """
    began = time.perf_counter()
    settings = EosSettings(form, volume_range, num_points, relax, fmax)
    with RunFolder(output, EOS_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        crystal = bare_crystal(atoms, PURPOSE)
        calculator = resolve_calculator(calculator, atoms)
        require_total_energy(calculator, PURPOSE)
        warn_if_unsuitable(calculator, crystal, PURPOSE, forces=relax != "none")
        store = Evaluations(folder, "points", calculator, {"relax": relax, "fmax": fmax})
        structures, unrelaxed = [], []
        ratios = np.linspace(1 - volume_range, 1 + volume_range, num_points)
        for index, ratio in enumerate(progress_bar(ratios, "volumes", "points", show=progress)):
            scaled = with_volume(crystal, ratio)
            point = store.get(f"{index:04d}", scaled, lambda a: _evaluate(a, calculator, settings))
            if index == 0:  # the calculator has accepted the crystal
                folder.begin("eos", settings, calculator, crystal)
            structures.append(_as_atoms(scaled, point))
            if not point["converged"]:
                unrelaxed.append(f"{ratio:.4g}")
        for index, what in ((len(structures) // 2, "middle"), (0, "smallest cell"), (-1, "largest cell")):
            warn_if_unknown(calculator, structures[index], f"the {what} of the scan")
        if unrelaxed:
            warn(f"not relaxed to {fmax:g} eV/Å at V/V_input = {', '.join(unrelaxed)}")
        found = _fitted(crystal, structures, form)
        if found["fit"].problem:
            warn(f"fit refused: {found['fit'].problem}")
        result = EosResult(
            **found,
            converged=not found["fit"].problem and not unrelaxed,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_eos(folder, result)
            folder.finish(result, calculator)
    return result


def _evaluate(atoms: Atoms, calculator: BaseCalculator, settings: EosSettings) -> dict[str, object]:
    converged = True
    if settings.relax != "none":
        cell = "fixed-volume" if settings.relax == "shape" else "fixed"
        relaxed = relax_structure(atoms, calculator, fmax=settings.fmax, cell=cell)  # type: ignore[arg-type]
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


def _fitted(crystal: Atoms, structures: Sequence[Atoms], form: str) -> dict[str, Any]:
    """Fit the equation of state; the fields of :class:`EosResult` that follow from it."""
    volumes = np.array([a.get_volume() for a in structures])
    energies = np.array([a.get_potential_energy() for a in structures])
    fit = fit_eos(volumes, energies, len(crystal), form)
    structure = None
    if not fit.problem:
        nearest = structures[int(np.abs(volumes - fit.volume).argmin())]
        structure = with_volume(nearest, fit.volume / nearest.get_volume())
        structure.calc = None
    nan = float("nan")
    return {
        "form": form,
        "volumes": volumes,
        "energies": energies,
        "structures": list(structures),
        "volume": nan if fit.problem else fit.volume,
        "energy": nan if fit.problem else fit.energy,
        "bulk_modulus": nan if fit.problem else fit.bulk_modulus / units.GPa,
        "bulk_modulus_derivative": nan if fit.problem else fit.bulk_modulus_derivative,
        "lattice_scale": nan if fit.problem else (fit.volume / crystal.get_volume()) ** (1 / 3),
        "structure": structure,
        "fit": fit,
    }
