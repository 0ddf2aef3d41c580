"""The loop over time steps: propagate, watch, record, save."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from tqdm import tqdm

from equical.errors import InputError
from equical.workflows.md.ensembles import Propagator, build_propagator
from equical.workflows.md.guard import Guard
from equical.workflows.md.record import TRAJECTORY, Recorder, frame_of
from equical.workflows.md.restart import Checkpoint, load_checkpoint, save_checkpoint
from equical.workflows.md.settings import MDSettings
from equical.workflows.md.snapshot import Snapshot
from equical.workflows.md.velocities import draw_velocities, frozen_mask, kinetic_temperature, remove_drift

__all__ = ["CHECKPOINT", "CHECKPOINT_EVERY", "Outcome", "Simulation", "frame_interval"]

CHECKPOINT = "restart.npz"
CHECKPOINT_EVERY = 100  # steps; the most that a killed run has to repeat
FRAME_TIME = 10.0  # fs between frames: spectra up to 50 THz, beyond metals and most oxides
LIGHT_FRAME_TIME = 4.0  # fs: up to 125 THz, beyond the stretch of O-H at 111 THz
LAST_LIGHT_ELEMENT = 9  # fluorine; molecules of H, C, N and O vibrate above 50 THz


def frame_interval(atoms: Atoms, settings: MDSettings) -> int:
    """Steps between two frames: as asked, or as the fastest vibration needs."""
    if settings.interval is not None:
        return settings.interval
    lightest = atoms.numbers[~frozen_mask(atoms)].min()
    frame_time = LIGHT_FRAME_TIME if lightest <= LAST_LIGHT_ELEMENT else FRAME_TIME
    return max(1, int(frame_time / settings.timestep))


@dataclass(frozen=True)
class Outcome:
    """How the loop ended.

    Attributes:
        steps: Time steps done.
        problem: Why it stopped early; empty if it did not.
        wall_time: s, those before a restart included.
        restarted_from: Step of the checkpoint it went on from, None for a new run.
    """

    steps: int
    problem: str
    wall_time: float
    restarted_from: int | None


class Simulation:
    """Atoms, their propagator, and the files they leave behind."""

    def __init__(self, atoms: Atoms, settings: MDSettings, dof: int, folder: Path, origin: dict[str, Any]) -> None:
        """Prepare a run.

        Args:
            atoms: With calculator; moved in place, and left at the last good step.
            settings: What to do.
            dof: Thermal degrees of freedom.
            folder: Where trajectory, thermo table and checkpoint go.
            origin: What identifies the run, from :func:`.restart.origin_of`.
        """
        self.atoms = atoms
        self.settings = settings
        self.dof = dof
        self.folder = folder
        self.origin = origin
        self._rng = np.random.default_rng(settings.seed)
        self._guard = Guard(atoms, settings, dof)
        self._interval = frame_interval(atoms, settings)
        self._earlier_wall_time = 0.0
        self._began = time.perf_counter()

    def run(self, *, restart: bool, quiet: bool) -> Outcome:
        """Do the time steps, from the checkpoint in the folder if there is one and ``restart`` is set.

        Raises:
            InputError: The checkpoint is not of this run.
            OSError: The disk is full; everything up to the last checkpoint is safe.
        """
        for leftover in self.folder.glob(".restart.*.tmp.npz"):  # of a process killed while it saved
            leftover.unlink()
        path = self.folder / CHECKPOINT
        checkpoint = load_checkpoint(path, self.origin) if restart and path.exists() else None
        if checkpoint is None:
            trajectory = self.folder / TRAJECTORY
            if restart and trajectory.exists():
                raise InputError(f"{trajectory} has no checkpoint beside it to restart from: start with --overwrite")
            path.unlink(missing_ok=True)  # of an earlier run, whose trajectory is about to go
            self._set_velocities()
            propagator = build_propagator(self.atoms, self.settings, self.dof, self._rng)
        else:
            checkpoint.snapshot.apply(self.atoms)
            propagator = build_propagator(self.atoms, self.settings, self.dof, self._rng)
            checkpoint.restore(propagator, self._rng)
            self._earlier_wall_time = checkpoint.wall_time
        with Recorder(self.folder, None if checkpoint is None else checkpoint.sizes) as recorder:
            if checkpoint is None:
                self._record(0, propagator, recorder)
                self._save(0, propagator, recorder)
            first = 0 if checkpoint is None else checkpoint.step
            steps, problem = self._loop(first, propagator, recorder, quiet)
        if problem:
            when = f"step {steps + 1} ({(steps + 1) * self.settings.timestep / 1000:g} ps)"
            problem = f"atoms flew apart at {when}: {problem}"
        return Outcome(steps, problem, self._wall_time(), None if checkpoint is None else first)

    def _loop(self, first: int, propagator: Propagator, recorder: Recorder, quiet: bool) -> tuple[int, str]:
        last = self.settings.steps
        with tqdm(
            total=last, initial=first, desc=f"md {self.settings.ensemble}", unit="step", disable=quiet or None
        ) as bar:
            for step in range(first + 1, last + 1):
                problem = self._advance(step, propagator)
                if problem:
                    return step - 1, problem
                if step % self._interval == 0:
                    self._record(step, propagator, recorder)
                    bar.set_postfix_str(f"{kinetic_temperature(self.atoms, self.dof):.0f} K", refresh=False)
                if step % CHECKPOINT_EVERY == 0 or step == last:
                    self._save(step, propagator, recorder)
                bar.update()
        return last, ""

    def _advance(self, step: int, propagator: Propagator) -> str:
        """One time step, taken back if the atoms fly apart in it; says what happened then."""
        before = Snapshot.of(self.atoms)
        propagator.set_temperature(self.settings.temperature_at(step))
        try:
            with np.errstate(all="ignore"):  # overflow is the guard's to report
                propagator.step()
            problem = self._guard.problem(before, self.atoms)
            if not problem and not np.isfinite(self.atoms.get_potential_energy()):
                problem = "the energy is no longer a number"
        except InputError as error:  # a structure that the model or its neighbour list refuses
            problem = self._guard.problem(before, self.atoms) or str(error)
        except Exception:
            problem = self._guard.problem(before, self.atoms)
            if not problem:
                raise
        if problem:
            before.apply(self.atoms)
        return problem

    def _set_velocities(self) -> None:
        if self.settings.keep_velocities:
            remove_drift(self.atoms)
        else:
            draw_velocities(self.atoms, self.settings.start_temperature, self.dof, self._rng)

    def _record(self, step: int, propagator: Propagator, recorder: Recorder) -> None:
        atoms, settings = self.atoms, self.settings
        potential, kinetic = float(atoms.get_potential_energy()), float(atoms.get_kinetic_energy())
        reservoir = propagator.reservoir_energy
        row = {
            "step": step,
            "time_ps": step * settings.timestep / 1000,
            "temperature_K": kinetic_temperature(atoms, self.dof),
            "target_K": settings.temperature_at(step),
            "potential_eV": potential,
            "kinetic_eV": kinetic,
            "total_eV": potential + kinetic,
            "conserved_eV": float("nan") if reservoir is None else potential + kinetic + reservoir(),
        }
        results = {"energy": potential, "forces": atoms.get_forces(apply_constraint=False)}
        if settings.moves_cell:
            results["stress"] = atoms.get_stress()
            pressure = -np.mean(atoms.get_stress(include_ideal_gas=True)[:3])
            row |= {"pressure_GPa": pressure / units.GPa, "volume_A3": atoms.get_volume()}
        recorder.add(frame_of(atoms, step, row["time_ps"], results), row)

    def _save(self, step: int, propagator: Propagator, recorder: Recorder) -> None:
        # What a calculator remembers (a neighbour list with its skin, say) may change the order of its sums and so the
        # last bits of the forces. It forgets here, so that a run that goes on computes what a restarted one will.
        if hasattr(self.atoms.calc, "reset"):
            self.atoms.calc.reset()
        propagator.refresh()
        save_checkpoint(
            self.folder / CHECKPOINT,
            Checkpoint(
                step=step,
                snapshot=Snapshot.of(self.atoms),
                propagator=propagator.state(),
                rng=self._rng.bit_generator.state,  # type: ignore[arg-type]
                sizes=recorder.sizes(),
                wall_time=self._wall_time(),
                origin=self.origin,
            ),
        )

    def _wall_time(self) -> float:
        return self._earlier_wall_time + time.perf_counter() - self._began
