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
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.crystal import require_total_energy
from equical.workflows.common.inputs import check_structure, resolve_calculator
from equical.workflows.common.output import open_output, removed_if_empty
from equical.workflows.common.spacegroup import SYMPREC, space_group
from equical.workflows.relax.descent import (
    CellMode,
    Moment,
    OptimizerName,
    RelaxSettings,
    descend,
    is_converged,
    measure,
    relaxing_strains,
)
from equical.workflows.relax.record import RELAX_FILES, RelaxRecord

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["RelaxResult", "RelaxSettings", "relax", "run_relaxation"]


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
    >>> result.converged, float(result.atoms.cell.volume.round(1))
    (True, 11.6)
    """
    settings = RelaxSettings(fmax, smax, steps, cell, pressure, symmetry, optimizer)
    calculator = resolve_calculator(calculator, atoms)
    folder = None
    if output is not None:
        folder = open_output(
            output, "relax", atoms.get_chemical_formula(), RELAX_FILES, overwrite=overwrite, resume=resume
        )
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
    began = time.perf_counter()
    with removed_if_empty(folder):
        check_structure(atoms)
        if settings.cell != "fixed":
            require_total_energy(calculator, "a relaxation of the cell")
        mask = relaxing_strains(atoms, settings, calculator)
        start = _with_symmetry(atoms, settings.cell == "fixed") if settings.symmetry else atoms.copy()
        record = RelaxRecord(folder, start, settings, calculator, resume=resume)
        moving, history = _take_up(record.earlier, start, settings, mask)
        moving.calc = calculator
        for image in descend(moving, history, settings, mask, quiet):
            image.set_constraint(atoms.constraints)
            record.add(image, len(history) - 1)
    result = RelaxResult(
        atoms=image,
        converged=is_converged(history[-1], settings),
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


def _with_symmetry(atoms: Atoms, keep_cell: bool) -> Atoms:
    """A copy with its symmetry made exact, and held by a constraint; a cell to be kept may break it a little."""
    from ase.constraints import FixSymmetry

    if space_group(atoms) is None:
        raise InputError("keeping the symmetry needs a crystal that is periodic in three directions")
    start = atoms.copy()
    symmetry = FixSymmetry(start, symprec=SYMPREC)  # makes cell and positions exact
    if keep_cell:
        start.set_constraint()
        start.set_cell(atoms.cell, scale_atoms=True)
    start.set_constraint([*atoms.constraints, symmetry])
    return start


def _take_up(
    earlier: Sequence[Atoms], start: Atoms, settings: RelaxSettings, mask: NDArray[np.bool_] | None
) -> tuple[Atoms, list[Moment]]:
    """The structure to move, and what was measured before it; ``earlier`` ends with where a run has stopped."""
    if not earlier:
        return start, []
    history = []
    for image in earlier[:-1]:
        image.set_constraint(start.constraints)
        history.append(measure(image, settings, mask))
    moving = start.copy()
    moving.set_constraint()
    moving.set_cell(earlier[-1].cell)
    moving.set_positions(earlier[-1].positions)
    moving.set_constraint(start.constraints)
    return moving, history
