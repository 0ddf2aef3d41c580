"""``md``: molecular dynamics that goes on after whatever stopped it, and says what it saw."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from operator import not_
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from equical.workflows.common.deprecated import formerly
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import snapshot
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.suitability import warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.md.checks import check_run
from equical.workflows.md.files import MD_FILES, write_md
from equical.workflows.md.result import MDResult
from equical.workflows.md.settings import Ensemble, MDSettings
from equical.workflows.md.simulate import Simulation
from equical.workflows.md.summary import summarise
from equical.workflows.md.velocities import degrees_of_freedom

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["md"]


@formerly(restart="resume", equilibration="equilibrate", quiet=("progress", not_))
@surroundings_kept()
def md(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    atoms: Atoms,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    ensemble: Ensemble = "bussi",
    temperature: float | tuple[float, float] = 300.0,
    pressure: float | None = None,
    timestep: float = 1.0,
    steps: int = 10_000,
    seed: int = 0,
    interval: int | None = None,
    thermostat_time: float = 100.0,
    barostat_time: float = 1000.0,
    compressibility: float = 0.01,
    equilibrate: float = 0.2,
    keep_velocities: bool = False,
    stop_outside: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> MDResult:
    """Run molecular dynamics and analyse the trajectory.

    ``md(atoms, ensemble="langevin", temperature=(300, 900), steps=20_000, output="heating")`` writes, as it goes,
    ``trajectory.extxyz`` (unwrapped positions, momenta, energy, forces), ``thermo.csv`` and its state, in
    ``restart.npz``; and at the end ``final.extxyz``, ``result.json``, ``rdf``, ``msd``, ``vacf`` and ``vdos`` tables
    and plots. A run that was stopped, at any moment and by any means, goes on with ``resume=True`` and otherwise the
    same arguments, and on a CPU computes the same bits as if it had never stopped.

    If the atoms fly apart the run stops with a warning: ``converged`` is false, and ``atoms`` is the last good step.
    A frame that lies outside what a calibrated model knows is warned of, and ``outside_from`` is its step; with
    ``stop_outside`` it ends the run, and ``converged`` is false.

    Args:
        atoms: structure to start from, not changed. ``FixAtoms`` constraints are kept.
        calculator: ASE calculator, or name or folder of a model; by default the one attached to ``atoms``, or the
            shipped model that is made for them.
        ensemble: see :class:`MDSettings`, as for the next twelve.
        temperature: K; a pair for a ramp from one to the other.
        pressure: GPa, for ensembles with a barostat.
        timestep: fs.
        steps: all of them, those before a resumed run included.
        seed: of the initial velocities and of the stochastic thermostats.
        interval: steps between two frames; by default as many as fit into 10 fs, or 4 fs with light elements.
        thermostat_time: fs.
        barostat_time: fs.
        compressibility: 1/GPa, for ``berendsen``.
        equilibrate: steps at the start that no average contains; below 1, the fraction of the run.
        keep_velocities: start from the velocities of the structure.
        stop_outside: end the run at the first frame that lies outside what a calibrated model knows.
        output: folder for the files; without it nothing is left on disk.
        overwrite: accept a folder with earlier results.
        resume: go on with the run in ``output`` from where it stopped. More ``steps`` than before extend it.
        progress: show a progress bar.

    Raises:
        InputError: settings that make no sense, do not fit the structure, or are not those of the run to resume.
        OSError: the disk filled up; everything up to the last checkpoint is kept.
    """
    began = time.perf_counter()
    settings = MDSettings(
        ensemble=ensemble,
        temperature=temperature,
        pressure=pressure,
        timestep=timestep,
        steps=steps,
        seed=seed,
        interval=interval,
        thermostat_time=thermostat_time,
        barostat_time=barostat_time,
        compressibility=compressibility,
        equilibrate=equilibrate,
        keep_velocities=keep_velocities,
        stop_outside=stop_outside,
    )
    with (
        RunFolder(output, MD_FILES, overwrite=overwrite, resume=resume) as folder,
        noted_warnings() as noted,
        _place_for(folder) as place,
    ):
        calculator = resolve_calculator(calculator, atoms)
        check_run(atoms, calculator, settings)
        dof = degrees_of_freedom(atoms, ensemble)
        warn_if_unsuitable(calculator, atoms, "molecular dynamics")
        moving = atoms.copy()
        moving.calc = calculator
        moving.get_forces()  # whatever the calculator refuses, it refuses before anything is written or removed
        folder.begin("md", settings, calculator, atoms, **_start(atoms, keep_velocities))
        simulation = Simulation(moving, settings, dof, place)
        end = simulation.run(resume=resume, progress=progress)
        if end.problem:
            where = f"; the last good step is {folder / 'final.extxyz'}" if folder and not end.stopped else ""
            warn(end.problem + where)
        # The checkpoint made the calculator forget its results. After a failure it may have none to give.
        with suppress(Exception) if end.problem else nullcontext():
            moving.get_forces()
            if settings.moves_cell:
                moving.get_stress()
        last = snapshot(moving)
        found = summarise(last, settings, end.steps, simulation.interval, place)
        result = MDResult(
            **found,
            atoms=last,
            degrees_of_freedom=dof,
            resumed_from=end.resumed_from,
            outside_from=None if end.departure is None else end.departure.step,
            settings=settings,
            converged=not end.problem,
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_md(folder, result)
            folder.finish(result, calculator)
    return result


@contextmanager
def _place_for(folder: RunFolder) -> Iterator[Path]:
    """The folder of the run, or one that is gone afterwards."""
    if folder.path is not None:
        yield folder.path
        return
    with tempfile.TemporaryDirectory(prefix="equical-md-") as scratch:
        yield Path(scratch)


def _start(atoms: Atoms, keep_velocities: bool) -> dict[str, str]:
    """What a run starts from, beside the structure."""
    if not keep_velocities:
        return {}
    return {"velocities": hashlib.sha256(np.round(atoms.get_momenta(), 6).tobytes()).hexdigest()[:12]}
