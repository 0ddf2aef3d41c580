"""The loop over time steps: propagate, watch, record, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import units

from equical.errors import InputError
from equical.workflows.common.folder import RESULT
from equical.workflows.common.notes import warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.suitability import outside
from equical.workflows.md.ensembles import Propagator, build_propagator
from equical.workflows.md.guard import Guard
from equical.workflows.md.record import BAROSTAT_COLUMNS, COLUMNS, Recorder, frame_of
from equical.workflows.md.state import Departure, MDState, PhasePoint, load_state, save_state
from equical.workflows.md.velocities import draw_velocities, frozen_mask, kinetic_temperature, remove_drift

if TYPE_CHECKING:
    from ase import Atoms

    from equical.workflows.md.settings import MDSettings

__all__ = ["CHECKPOINT_EVERY", "Simulation", "SimulationEnd", "frame_interval"]

CHECKPOINT_EVERY = 100
"""Steps; the most that a killed run has to repeat."""

FRAME_TIME = 10.0
"""fs between frames: spectra up to 50 THz, beyond metals and most oxides."""

LIGHT_FRAME_TIME = 4.0
"""fs: up to 125 THz, beyond the stretch of O-H at 111 THz."""

LAST_LIGHT_ELEMENT = 9
"""Fluorine; molecules of H, C, N and O vibrate above 50 THz."""


def frame_interval(atoms: Atoms, settings: MDSettings) -> int:
    """Steps between two frames: as asked, or as the fastest vibration needs."""
    if settings.interval is not None:
        return settings.interval
    lightest = atoms.numbers[~frozen_mask(atoms)].min()
    frame_time = LIGHT_FRAME_TIME if lightest <= LAST_LIGHT_ELEMENT else FRAME_TIME
    return max(1, int(frame_time / settings.timestep))


@dataclass(frozen=True)
class SimulationEnd:
    """How the loop ended.

    Attributes:
        steps: Time steps done.
        problem: Why it ended early; empty if it did not.
        stopped: Whether that was at a good step, to go no farther outside what the model knows.
        departure: Where it left what the model knows; None if it did not.
        resumed_from: Step of the state it went on from, None for a new run.
    """

    steps: int
    problem: str
    stopped: bool
    departure: Departure | None
    resumed_from: int | None


class Simulation:
    """Atoms, their propagator, and the files they leave behind."""

    def __init__(self, atoms: Atoms, settings: MDSettings, dof: int, folder: Path) -> None:
        """Prepare a run.

        Args:
            atoms: With calculator; moved in place, and left at the last good step.
            settings: What to do.
            dof: Thermal degrees of freedom.
            folder: Where trajectory, thermo table and state go.
        """
        self.atoms = atoms
        self.settings = settings
        self.dof = dof
        self.folder = folder
        self._rng = np.random.default_rng(settings.seed)
        self._guard = Guard(atoms, settings, dof)
        self.interval = frame_interval(atoms, settings)
        self._departure: Departure | None = None
        self._stopped = False

    def run(self, *, resume: bool, progress: bool) -> SimulationEnd:
        """Do the time steps, from the state in the folder if there is one and ``resume`` is set.

        Raises:
            InputError: More steps have been done than are asked for, or no state can be read.
            OSError: The disk is full; everything up to the last state is safe.
        """
        state = load_state(self.folder) if resume else None
        if state is not None and state.step > self.settings.steps:
            raise InputError(
                f"the run in {self.folder} has done {state.step} steps: steps counts all of them, ask for more than "
                f"{state.step}"
            )
        columns = COLUMNS + BAROSTAT_COLUMNS * self.settings.moves_cell
        with Recorder(self.folder, columns, len(self.atoms), self.interval) as recorder:
            propagator = self._begin(recorder) if state is None else self._go_on(state, recorder)
            first = 0 if state is None else state.step
            steps, problem = self._loop(first, propagator, recorder, progress)
        return SimulationEnd(steps, problem, self._stopped, self._departure, None if state is None else first)

    def _begin(self, recorder: Recorder) -> Propagator:
        recorder.begin()
        if self.settings.keep_velocities:
            remove_drift(self.atoms)
        else:
            draw_velocities(self.atoms, self.settings.start_temperature, self.dof, self._rng)
        propagator = build_propagator(self.atoms, self.settings, self.dof, self._rng)
        self._departs(0)
        self._record(0, propagator, recorder)
        self._save(0, propagator, recorder)
        return propagator

    def _go_on(self, state: MDState, recorder: Recorder) -> Propagator:
        if state.step < self.settings.steps:  # what is there is about less than there will be
            (self.folder / RESULT).unlink(missing_ok=True)
        recorder.go_on(state.step, state.extents)
        self._forget()
        state.point.apply(self.atoms)
        propagator = build_propagator(self.atoms, self.settings, self.dof, self._rng)
        propagator.restore(state.integrator)
        self._rng.bit_generator.state = state.rng
        self._departure = state.departure
        if state.departure is not None:  # said before, and the result to be written tells it too
            warn(state.departure.message)
        if recorder.lacks(state.step):
            self._record(state.step, propagator, recorder)
        return propagator

    def _loop(self, first: int, propagator: Propagator, recorder: Recorder, progress: bool) -> tuple[int, str]:
        last, label = self.settings.steps, f"md {self.settings.ensemble}"
        if first and self.settings.stop_outside and self._departs(first):  # taken up where it had stopped
            return first, self._stop(first)
        with progress_bar(None, label, "steps", show=progress, total=last, initial=first) as bar:
            for step in range(first + 1, last + 1):
                problem = self._advance(step, propagator)
                if problem:
                    return step - 1, f"atoms flew apart at {self._moment(step)}: {problem}"
                stops = False
                if step % self.interval == 0:
                    stops = self._departs(step) and self.settings.stop_outside
                    self._record(step, propagator, recorder)
                    bar.set_postfix_str(f"{kinetic_temperature(self.atoms, self.dof):.0f} K", refresh=False)
                if step % CHECKPOINT_EVERY == 0 or step == last or stops:
                    self._save(step, propagator, recorder)
                if stops:
                    return step, self._stop(step)
                bar.update()
        return last, ""

    def _departs(self, step: int) -> bool:
        """Whether the structure at a step lies outside what the model knows, as far as that matters; told once.

        It costs one more pass, so once it has been told it is asked again only where the run would stop.
        """
        if self._departure is not None and not self.settings.stop_outside:
            return False
        when = f"the structure at step {step}" if step else "the structure to start from"
        message = outside(self.atoms.calc, self.atoms, when)
        if message and self._departure is None:
            self._departure = Departure(step, message)
            warn(message)
        return bool(message)

    def _moment(self, step: int) -> str:
        return f"step {step} ({step * self.settings.timestep / 1000:g} ps)"

    def _stop(self, step: int) -> str:
        self._stopped = True
        return f"stopped at {self._moment(step)}, outside what the model knows: resume without stop_outside to go on"

    def _advance(self, step: int, propagator: Propagator) -> str:
        """One time step, taken back if the atoms fly apart in it; says what happened then."""
        before = PhasePoint.of(self.atoms)
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
        recorder.add(step, frame_of(atoms, step, row["time_ps"], results), row)

    def _save(self, step: int, propagator: Propagator, recorder: Recorder) -> None:
        self._forget()
        propagator.refresh()
        extents = recorder.sync()  # before the state that counts on them: a power cut must not take them from it
        rng = self._rng.bit_generator.state
        point = PhasePoint.of(self.atoms)
        save_state(self.folder, MDState(step, point, propagator.state(), rng, extents, self._departure))

    def _forget(self) -> None:
        """Let the calculator forget, where a state is saved and where it is taken up.

        What it remembers (a neighbour list with its skin, say) may change the order of its sums and so the last bits of
        the forces; this way a run that goes on computes what a resumed one will.
        """
        if hasattr(self.atoms.calc, "reset"):
            self.atoms.calc.reset()
