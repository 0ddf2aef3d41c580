"""Do energies, forces and stresses belong together? Units and signs tested by work, or against a model.

Between two neighbouring points of a trajectory the energy changes by the work done: −F·Δr on the atoms and V σ:ε on the
cell. A slope of one between label and work confirms units and signs of all three; another slope names the mistake.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equical.training.audit.finding import Finding
from equical.training.data.dataset import Frame

__all__ = ["check_work", "compare_with_model"]

STEP = 0.15
"""Å; frames further apart (root mean square) are no step of a path."""

STRAIN = 0.03
ENOUGH = 8
"""Steps needed for a verdict."""

FORCE_UNITS = {
    "Hartree and forces in eV/Å": 1 / 27.2114,
    "eV and forces in Hartree/Å": 27.2114,
    "eV and forces in Hartree/Bohr": 51.4221,
    "kcal/mol and forces in eV/Å": 23.0605,
    "eV and forces in kcal/mol/Å": 1 / 23.0605,
}
"""Slope of −F·Δr against ΔE, inverted: the factor that forces need to fit the energies."""

STRESS_UNITS = {"GPa": 1 / 160.21766, "kbar": 1 / 1602.1766}


@dataclass(frozen=True)
class _Step:
    """Energy change between two frames, the work on atoms and on the cell (eV), and the sizes of the move."""

    change: float
    work: float
    cell_work: float
    strain: float


def check_work(frames: Sequence[Frame]) -> list[Finding]:
    """Energy differences along trajectories against the work of forces and stress."""
    steps = _steps(frames)
    findings = []
    forces = [step for step in steps if abs(step.work) > 1e-3 and abs(step.cell_work) < 0.2 * abs(step.work)]
    if len(forces) >= ENOUGH:
        slope, fit = _slope([s.work for s in forces], [s.change - s.cell_work for s in forces])
        if abs(fit) > 0.7:
            findings += _judge_forces(slope, f"{len(forces)} steps of trajectories")
    strained = [step for step in steps if abs(step.cell_work) > 0.5 * abs(step.work) and abs(step.cell_work) > 1e-4]
    if len(strained) >= ENOUGH:
        slope, fit = _slope([s.cell_work for s in strained], [s.change - s.work for s in strained])
        if abs(fit) > 0.7:
            findings += _judge_stress(slope, f"{len(strained)} strained cells")
    return findings


def compare_with_model(
    forces: np.ndarray, predicted_forces: np.ndarray, stress: np.ndarray, predicted_stress: np.ndarray
) -> list[Finding]:
    """Labels against the predictions of a model that knows the elements, both ``[..., 3]`` or ``[..., 3, 3]``.

    A model need not be accurate for the slope to give away a unit or a sign.
    """
    findings = []
    if forces.size:
        slope, fit = _slope(forces.ravel(), predicted_forces.ravel())
        if abs(fit) > 0.7:
            findings += _judge_forces(slope, "the model's forces")
    if stress.size:
        slope, fit = _slope(stress.ravel(), predicted_stress.ravel())
        if abs(fit) > 0.7:
            findings += _judge_stress(slope, "the model's stress")
    return findings


def _judge_forces(slope: float, witness: str) -> list[Finding]:
    if slope < 0:
        message = f"forces have the wrong sign, by {witness}"
        return [Finding("error", "force sign", message, "Forces are minus the gradient of the energy: negate them")]
    what, factor = min(FORCE_UNITS.items(), key=lambda unit: abs(np.log(slope / unit[1])) if slope > 0 else np.inf)
    if 0.75 < slope / factor < 1.33:
        message = f"forces need a factor of {slope:.3g} by {witness}, as with energies in {what}"
        return [Finding("error", "force unit", message, "Convert energies to eV and forces to eV/Å")]
    if not 0.5 < slope < 2.0:
        message = f"forces need a factor of {slope:.3g} by {witness}"
        return [Finding("warning", "force unit", message, "Check the units of energies and forces")]
    return []


def _judge_stress(slope: float, witness: str) -> list[Finding]:
    sign = "the wrong sign" if slope < 0 else ""
    for unit, factor in STRESS_UNITS.items():
        if 0.5 < abs(slope) / factor < 2.0:
            sign = f"{sign} and are in {unit}" if sign else f"the unit {unit}"
    if not sign:
        return []
    message = f"stresses have {sign}, by {witness}"
    advice = "ASE's stress is dE/dε per volume in eV/Å³, negative for a crystal that wants to expand (VASP prints −σ)"
    return [Finding("error", "stress sign" if slope < 0 else "stress unit", message, advice)]


def _steps(frames: Sequence[Frame]) -> list[_Step]:
    """Steps between frames of the same atoms that stand at most three apart in a trajectory."""
    tracks: dict[tuple[str, bytes], list[Frame]] = defaultdict(list)
    for frame in frames:
        if frame.forces is not None:
            tracks[frame.group.partition("#")[0], frame.atoms.numbers.tobytes()].append(frame)
    steps = []
    for track in tracks.values():
        for i, start in enumerate(track):
            for end in track[i + 1 : i + 4]:
                step = _step(start, end)
                if step is not None:
                    steps.append(step)
    return steps


def _step(start: Frame, end: Frame) -> _Step | None:
    assert start.forces is not None and end.forces is not None
    a, b = start.atoms, end.atoms
    strain = np.zeros((3, 3))
    if a.cell.rank == 3 and b.cell.rank == 3:
        deformation = np.linalg.solve(a.cell.array, b.cell.array) - np.eye(3)
        strain = 0.5 * (deformation + deformation.T)
        scaled = b.positions @ np.linalg.inv(b.cell.array) - a.positions @ np.linalg.inv(a.cell.array)
        moved = (scaled - np.round(scaled) * a.pbc) @ (0.5 * (a.cell.array + b.cell.array))
    else:
        moved = b.positions - a.positions
    if np.sqrt(np.square(moved).sum(axis=1).mean()) > STEP or np.abs(strain).max() > STRAIN:
        return None
    work = -float((0.5 * (start.forces + end.forces) * moved).sum())
    cell_work = 0.0
    if start.stress is not None and end.stress is not None:
        volume = 0.5 * (a.cell.volume + b.cell.volume)
        cell_work = float((0.5 * (start.stress + end.stress) * strain).sum() * volume)
    elif np.abs(strain).max() > 1e-4:
        return None
    return _Step(end.energy - start.energy, work, cell_work, float(np.abs(strain).max()))


def _slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Slope of y against x through the origin, by the median ratio of large moves, and their correlation."""
    x, y = np.asarray(x), np.asarray(y)
    correlation = float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum() + 1e-300))
    large = np.abs(x) >= np.median(np.abs(x))
    return float(np.median(y[large] / x[large])), correlation
