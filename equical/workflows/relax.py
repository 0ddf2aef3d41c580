"""Relaxation: move atoms, and on request the cell, until forces and stress vanish.

ASE's optimizers and cell filter do the moving. What is added is a convergence test that looks at forces and stress in
their own units, a trajectory from which a killed run goes on, and a record of what was done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from ase import units
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.inputs import check_structure, resolve_calculator
from equical.workflows.output import open_output, snapshot
from equical.workflows.relax_record import RelaxRecord
from equical.workflows.spacegroup import SYMPREC, space_group

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator
    from ase.optimize.optimize import Optimizer

__all__ = ["RelaxResult", "RelaxSettings", "relax", "run_relaxation"]

CellMode = Literal["fixed", "free", "fixed-volume", "fixed-shape"]
OptimizerName = Literal["fire", "lbfgs", "bfgs"]

CURVATURE = 20.0
"""eV/Å², first guess of the curvature for the quasi-Newton optimizers: that of a metallic to covalent crystal. ASE's 70
fits stiff bonds, and costs crystals two to three times the steps."""

CELL_SCALE = 1.5
"""Å. A strain of N atoms counts as a displacement of ``CELL_SCALE · √N``, which makes the cell as stiff as the atoms: its
own curvature is N · volume per atom · elastic constant, about 12 eV · N. ASE's factor N makes large cells too soft."""


@dataclass(frozen=True)
class RelaxSettings:
    """How to relax, and when to stop.

    Attributes:
        fmax: eV/Å. Largest force allowed on any atom that is free to move.
        smax: GPa. Largest deviation allowed of any stress component that the cell is free to relax from its target,
            minus ``pressure``.
        steps: give up after this many steps.
        cell: ``"fixed"``; ``"free"`` for shape and volume; ``"fixed-volume"`` for the shape at constant volume;
            ``"fixed-shape"`` for the volume at constant shape. In a slab only in-plane vectors relax.
        pressure: GPa, hydrostatic, positive when it compresses.
        symmetry: keep the space group found at the start (to within 0.01 Å; the start is symmetrised to it first).
        optimizer: ``"lbfgs"`` (few steps), ``"bfgs"`` (fewer for small, stiff cells), ``"fire"`` (robust far from
            the minimum).

    Raises:
        InputError: a value out of range, or a combination without meaning.
    """

    fmax: float = 0.01
    smax: float = 0.02
    steps: int = 500
    cell: CellMode = "fixed"
    pressure: float = 0.0
    symmetry: bool = False
    optimizer: OptimizerName = "lbfgs"

    def __post_init__(self) -> None:
        for name in ("fmax", "smax"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name} must be a positive number, got {getattr(self, name)}")
        if self.steps < 0:
            raise InputError(f"steps must not be negative, got {self.steps}")
        for name, choices in (("cell", get_args(CellMode)), ("optimizer", get_args(OptimizerName))):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not np.isfinite(self.pressure):
            raise InputError(f"pressure must be a finite number, got {self.pressure}")
        if self.pressure and self.cell in ("fixed", "fixed-volume"):
            raise InputError(
                "a pressure needs a cell whose volume may change: relax the cell too (--cell), or leave it out"
            )


@dataclass(frozen=True)
class RelaxResult:
    """Outcome of one relaxation.

    Attributes:
        atoms: the final structure with its energy and forces (and stress where the cell was relaxed) attached.
        converged: whether forces, and stress where the cell was relaxed, fell below their thresholds.
        steps: optimizer steps taken, those before a resumed run included.
        energies: ``[steps + 1]`` eV, before the first and after each step.
        enthalpies: ``[steps + 1]`` eV, energy + pressure · volume: what is minimised.
        max_forces: ``[steps + 1]`` eV/Å, largest force on an atom, constraints applied.
        max_stresses: ``[steps + 1]`` GPa, largest deviation of the stress from its target; None for a fixed cell.
        space_group_before: symbol and number found at the start; None unless periodic in three directions.
        space_group_after: the same at the end.
        settings: how it was relaxed.
        wall_time: s, of this run alone.
        output: the folder with the files, or None.
    """

    atoms: Atoms
    converged: bool
    energies: NDArray[np.float64]
    enthalpies: NDArray[np.float64]
    max_forces: NDArray[np.float64]
    max_stresses: NDArray[np.float64] | None
    space_group_before: str | None
    space_group_after: str | None
    settings: RelaxSettings
    wall_time: float
    output: Path | None = None

    @property
    def steps(self) -> int:
        return len(self.energies) - 1

    @property
    def energy(self) -> float:
        """eV, of the final structure."""
        return float(self.energies[-1])

    @property
    def max_force(self) -> float:
        """eV/Å, largest force left."""
        return float(self.max_forces[-1])

    @property
    def max_stress(self) -> float | None:
        """GPa, largest deviation of the stress from its target that is left; None for a fixed cell."""
        return None if self.max_stresses is None else float(self.max_stresses[-1])


def relax(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    fmax: float = 0.01,
    smax: float = 0.02,
    steps: int = 500,
    cell: CellMode = "fixed",
    pressure: float = 0.0,
    symmetry: bool = False,
    optimizer: OptimizerName = "lbfgs",
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = True,
) -> RelaxResult:
    """Relax one structure.

    Constraints on ``atoms`` are respected; frozen atoms keep their fractional coordinates when the cell changes.

    Args:
        atoms: the structure; it is not changed.
        calculator: any ASE calculator, the name or folder of a model, or None for the calculator of ``atoms`` and,
            without one, the default model.
        fmax: eV/Å, see :class:`RelaxSettings`, as for the next six.
        smax: GPa.
        steps: the most to take.
        cell: what of the cell may change.
        pressure: GPa.
        symmetry: keep the space group.
        optimizer: which of ASE's to use.
        output: folder for ``result.json``, ``relaxed.extxyz``, ``trajectory.extxyz`` and ``relax.png``; None writes
            nothing.
        overwrite: accept a folder with earlier results.
        resume: go on from the last structure in the folder's trajectory; the optimizer's memory starts afresh.
        quiet: show no progress bar.

    Raises:
        InputError: structure, settings or output folder are unusable, or the forces stop being finite numbers.

    >>> from ase.build import bulk
    >>> from ase.calculators.emt import EMT
    >>> result = relax(bulk("Cu", a=3.7), EMT(), cell="free")
    >>> result.converged, round(result.atoms.cell.volume * 4, 1)
    (True, 46.3)
    """
    settings = RelaxSettings(fmax, smax, steps, cell, pressure, symmetry, optimizer)
    calculator = resolve_calculator(calculator, atoms)
    folder = None
    if output is not None:
        folder = open_output(output, "relax", atoms.get_chemical_formula(), overwrite=overwrite, resume=resume)
    return run_relaxation(atoms, calculator, settings, folder, resume=resume, quiet=quiet)


def run_relaxation(
    atoms: Atoms,
    calculator: BaseCalculator,
    settings: RelaxSettings,
    folder: Path | None = None,
    *,
    resume: bool = False,
    quiet: bool = True,
) -> RelaxResult:
    """:func:`relax` with its settings in one object and its output folder already open."""
    from ase.constraints import FixSymmetry
    from tqdm import tqdm

    began = time.perf_counter()
    check_structure(atoms)
    mask = _relaxing_strains(atoms, settings, calculator)
    start = atoms.copy()
    if settings.symmetry:
        if atoms.cell.rank < 3:
            raise InputError("keeping the symmetry needs a cell with three lattice vectors")
        start.set_constraint([*atoms.constraints, FixSymmetry(start, symprec=SYMPREC)])
    record = RelaxRecord(folder, start, settings, calculator, resume=resume)
    moving, history = _take_up(record.earlier, start, settings, mask)
    moving.calc = calculator
    optimizer = _make_optimizer(moving, settings, mask)
    converged = False
    with tqdm(
        desc=atoms.get_chemical_formula(), unit=" steps", disable=True if quiet else None, leave=False
    ) as progress:
        for _ in optimizer.irun(fmax=0.0, steps=max(0, settings.steps - len(history))):
            now = _measure(moving, settings, mask)
            image = snapshot(moving)
            image.set_constraint(atoms.constraints)
            record.add(image, len(history))
            history.append(now)
            progress.set_postfix_str(str(now), refresh=False)
            progress.update(len(history) - 1 - progress.n)
            converged = now.max_force <= settings.fmax and (mask is None or now.max_stress <= settings.smax)
            if converged:
                break
    result = RelaxResult(
        atoms=image,
        converged=converged,
        energies=np.array([moment.energy for moment in history]),
        enthalpies=np.array([moment.enthalpy for moment in history]),
        max_forces=np.array([moment.max_force for moment in history]),
        max_stresses=None if mask is None else np.array([moment.max_stress for moment in history]),
        space_group_before=space_group(atoms),
        space_group_after=space_group(image),
        settings=settings,
        wall_time=time.perf_counter() - began,
        output=folder,
    )
    record.finish(result)
    return result


class _Moment(NamedTuple):
    """What one step has come to: eV, eV, eV/Å with constraints applied, GPa (NaN for a fixed cell)."""

    energy: float
    enthalpy: float
    max_force: float
    max_stress: float

    def __str__(self) -> str:
        stress = "" if np.isnan(self.max_stress) else f", stress {self.max_stress:.3f} GPa"
        return f"E {self.energy:.4f} eV, force {self.max_force:.4f} eV/Å{stress}"


def _measure(atoms: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None) -> _Moment:
    """Energy, largest force, and largest component of the stress that should vanish."""
    forces, energy, stress = atoms.get_forces(), float(atoms.get_potential_energy()), np.zeros((3, 3))
    if mask is not None:
        stress = atoms.get_stress(voigt=False) / units.GPa + settings.pressure * np.eye(3)
    if not (np.isfinite(energy) and np.isfinite(forces).all() and np.isfinite(stress).all()):
        raise InputError(
            "energy, forces or stress are not finite numbers: the structure has come apart or lies outside what the "
            "model knows; look at the trajectory, or start closer to equilibrium"
        )
    mean = stress.trace() / 3 * np.eye(3)
    if settings.cell == "fixed-shape":
        stress = mean
    elif settings.cell == "fixed-volume":
        stress = stress - mean
    max_stress = np.nan if mask is None else float(np.abs(stress[mask]).max())
    enthalpy = energy + settings.pressure * units.GPa * atoms.cell.volume
    return _Moment(energy, enthalpy, float(np.linalg.norm(forces, axis=1).max()), max_stress)


def _take_up(
    earlier: Sequence[Atoms], start: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None
) -> tuple[Atoms, list[_Moment]]:
    """The structure to move, and what was measured before it; ``earlier`` ends with where a run has stopped."""
    if not earlier:
        return start, []
    history = []
    for image in earlier[:-1]:
        image.set_constraint(start.constraints)
        history.append(_measure(image, settings, mask))
    moving = start.copy()
    moving.set_constraint()
    moving.set_cell(earlier[-1].cell)
    moving.set_positions(earlier[-1].positions)
    moving.set_constraint(start.constraints)
    return moving, history


def _relaxing_strains(atoms: Atoms, settings: RelaxSettings, calculator: BaseCalculator) -> NDArray[np.bool_] | None:
    """Which Cartesian strain components ``[3, 3]`` may change; None for a fixed cell."""
    if settings.cell == "fixed":
        return None
    if atoms.cell.rank < 3:
        raise InputError("relaxing the cell needs three lattice vectors; give a slab a third one that spans the vacuum")
    if not atoms.pbc.any():
        raise InputError("relaxing the cell needs a periodic structure; this one has pbc=FFF (leave out --cell)")
    if "stress" not in calculator.implemented_properties:
        raise InputError(f"{type(calculator).__name__} computes no stress, which relaxing the cell needs")
    if atoms.pbc.all():
        return np.ones((3, 3), dtype=bool)
    if settings.cell != "free":
        raise InputError(f"cell {settings.cell!r} needs a structure that is periodic in three directions")
    used = np.abs(atoms.cell.array[atoms.pbc]).max(axis=0) > 1e-6
    if used.sum() != atoms.pbc.sum():
        raise InputError(
            "the periodic vectors of a slab or wire must lie in Cartesian planes or axes for its cell to relax"
        )
    return np.outer(used, used)


def _make_optimizer(atoms: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None) -> Optimizer:
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS, FIRE, LBFGS

    target = atoms
    if mask is not None:
        target = FrechetCellFilter(
            atoms,
            mask=mask,
            exp_cell_factor=CELL_SCALE * len(atoms) ** 0.5,
            hydrostatic_strain=settings.cell == "fixed-shape",
            constant_volume=settings.cell == "fixed-volume",
            scalar_pressure=settings.pressure * units.GPa,
        )
    if settings.optimizer == "fire":
        return FIRE(target, logfile=None)
    return {"lbfgs": LBFGS, "bfgs": BFGS}[settings.optimizer](target, logfile=None, alpha=CURVATURE)
