"""Relaxation: move atoms, and on request the cell, until forces and stress vanish.

ASE's optimizers and cell filter do the moving. What is added is a convergence test that looks at forces and stress in
their own units, a trajectory from which a killed run goes on, and a record of what was done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import not_
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.crystal import require_total_energy
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import check_structure, resolve_calculator
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.spacegroup import SYMPREC, space_group
from equical.workflows.common.suitability import warn_if_unknown
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.relax.descent import RelaxStep, descend, is_converged, measure, relaxing_strains
from equical.workflows.relax.files import RELAX_FILES, Trajectory, write_relaxation
from equical.workflows.relax.result import RelaxResult
from equical.workflows.relax.settings import CellMode, OptimizerName, RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["relax"]


@formerly(quiet=("progress", not_))
@surroundings_kept()
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
    progress: bool = False,
) -> RelaxResult:
    """Relax one structure.

    Constraints on ``atoms`` are respected; frozen atoms keep their fractional coordinates when the cell changes.

    Args:
        atoms: the structure; it is not changed.
        calculator: any ASE calculator, the name or folder of a model, or None for the calculator of ``atoms`` and,
            without one, the shipped model that is made for them.
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
        progress: show a progress bar.

    Raises:
        InputError: structure, settings or output folder are unusable, or the forces stop being finite numbers.

    >>> from ase.build import bulk
    >>> from ase.calculators.emt import EMT
    >>> result = relax(bulk("Cu", a=3.7), EMT(), cell="free")
    >>> result.converged, float(result.atoms.cell.volume.round(1))
    (True, 11.6)
    """
    began = time.perf_counter()
    settings = RelaxSettings(fmax, smax, steps, cell, pressure, symmetry, optimizer)
    with RunFolder(output, RELAX_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        check_structure(atoms)
        calculator = resolve_calculator(calculator, atoms)
        if settings.cell != "fixed":
            require_total_energy(calculator, "a relaxation of the cell")
        mask = relaxing_strains(atoms, settings, calculator)
        start = _with_symmetry(atoms, settings.cell == "fixed") if settings.symmetry else atoms.copy()
        if not resume:  # whatever the calculator refuses, it refuses before anything is written or removed
            start.calc = calculator
            measure(start, settings, mask)
        folder.begin("relax", settings, calculator, start)
        trajectory = Trajectory(folder, len(start))
        moving, history = _take_up(trajectory.earlier, start, settings, mask)
        folder.go_on()
        moving.calc = calculator
        warn_if_unknown(calculator, moving, "the structure to relax")
        for image in descend(moving, history, settings, mask, progress):
            image.set_constraint(atoms.constraints)
            trajectory.add(image, len(history) - 1)
        warn_if_unknown(calculator, image, "the relaxed structure")
        result = RelaxResult(
            atoms=image,
            converged=is_converged(history[-1], settings),
            energies=np.array([step.energy for step in history]),
            enthalpies=np.array([step.enthalpy for step in history]),
            max_forces=np.array([step.max_force for step in history]),
            max_stresses=None if mask is None else np.array([step.max_stress for step in history]),
            space_group_before=space_group(atoms),
            space_group_after=space_group(image),
            settings=settings,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_relaxation(folder, result)
            folder.finish(result, calculator)
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
) -> tuple[Atoms, list[RelaxStep]]:
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
