"""``md``: molecular dynamics that can be restarted, and says what it saw."""

import tempfile
import warnings
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.errors import InputError
from equical.workflows.common.frames import snapshot
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.output import open_output, removed_if_empty
from equical.workflows.common.provenance import provenance
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.md.restart import origin_of
from equical.workflows.md.result import FILES, MDResult, summarise, write_result
from equical.workflows.md.settings import MDSettings, check_run
from equical.workflows.md.simulate import Outcome, Simulation
from equical.workflows.md.velocities import degrees_of_freedom

__all__ = ["md"]


def md(
    atoms: Atoms,
    calculator: BaseCalculator | str | None = None,
    *,
    output: str | Path | None = None,
    restart: bool = False,
    overwrite: bool = False,
    quiet: bool = True,
    **settings: Any,
) -> MDResult:
    """Run molecular dynamics and analyse the trajectory.

    ``md(atoms, ensemble="langevin", temperature=(300, 900), steps=20_000, output="heating")`` writes, as it goes,
    ``trajectory.extxyz`` (unwrapped positions, momenta, energy, forces), ``thermo.csv`` and the checkpoint
    ``restart.npz``; and at the end ``final.extxyz``, ``result.json``, ``rdf``, ``msd``, ``vacf`` and ``vdos`` tables
    and plots. A run that was killed, at any moment and by any means, goes on with ``restart=True`` and otherwise the
    same arguments, and on a CPU computes the same bits as if it had never stopped.

    If the atoms fly apart the run stops with a warning: ``converged`` is false, ``problem`` says what happened, and
    ``atoms`` is the last good step.

    Args:
        atoms: Structure to start from, not changed. ``FixAtoms`` constraints are kept.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            default model.
        output: Folder for the files; without it nothing is left on disk.
        restart: Go on from the checkpoint in ``output``; where there is none yet, begin.
        overwrite: Accept a folder with earlier results.
        quiet: No progress bar.
        **settings: Ensemble, temperature, pressure, time step and the rest: the fields of :class:`.MDSettings`.

    Returns:
        Averages, energy drift and the functions of the analysis.

    Raises:
        InputError: The settings make no sense, do not fit the structure, or are not those of the run to restart.
        OSError: The disk filled up; the run is safe up to its last checkpoint.
    """
    chosen = MDSettings(**settings)
    calculator = resolve_calculator(calculator, atoms)
    for warning in check_run(atoms, calculator, chosen):
        warnings.warn(warning, stacklevel=2)
    dof = degrees_of_freedom(atoms, chosen.ensemble)
    warn_if_unsuitable(calculator, atoms, "molecular dynamics")
    if restart and overwrite:
        raise InputError("a run is either restarted or overwritten: give one of the two")
    if restart and output is None:
        raise InputError("a restart needs the output folder of the run to go on with")
    if output is None:
        with tempfile.TemporaryDirectory(prefix="equical-md-") as scratch:
            result, _ = _run(atoms, calculator, chosen, dof, Path(scratch), restart=False, quiet=quiet)
        _warn_if_stopped(result.problem)
        return replace(result, folder=None)
    folder = open_output(output, "md", atoms.get_chemical_formula(), FILES, overwrite=overwrite, resume=restart)
    with removed_if_empty(folder):
        result, outcome = _run(atoms, calculator, chosen, dof, folder, restart=restart, quiet=quiet)
    write_result(result, chosen, provenance(calculator), outcome.wall_time)
    _warn_if_stopped(result.problem, f"; the last good step is {folder / 'final.extxyz'}")
    return result


def _warn_if_stopped(problem: str, where: str = "") -> None:
    if problem:
        warnings.warn(problem + where, stacklevel=3)


def _run(
    atoms: Atoms,
    calculator: BaseCalculator,
    settings: MDSettings,
    dof: int,
    folder: Path,
    *,
    restart: bool,
    quiet: bool,
) -> tuple[MDResult, Outcome]:
    moving = atoms.copy()
    moving.calc = calculator
    origin = origin_of(atoms, calculator, settings)
    if not restart:
        moving.get_forces()  # whatever the calculator refuses, it refuses before there are files
    outcome = Simulation(moving, settings, dof, folder, origin).run(restart=restart, quiet=quiet)
    # The checkpoint made the calculator forget its results. After a failure it may have none to give.
    with suppress(Exception) if outcome.problem else nullcontext():
        moving.get_forces()
        if settings.moves_cell:
            moving.get_stress()
    return summarise(snapshot(moving), settings, dof, outcome, folder), outcome
