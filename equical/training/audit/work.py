"""Do energies, forces and stresses belong together? Units, signs and order tested by the work along trajectories.

Between two neighbouring points of a trajectory the energy changes by the work done: −F·Δr on the atoms and V σ:ε on the
cell. A slope of one between label and work confirms units and signs of all three; another slope names the mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from equical.training.audit.finding import DataFinding
from equical.training.audit.fit import Fit, fit_slopes
from equical.training.audit.steps import Steps, find_steps
from equical.training.audit.verdicts import Witness, judge_forces, judge_stress, per_atom_finding, stress_readings
from equical.training.data.labels import Frame

__all__ = ["ENOUGH", "Verdict", "check_work", "work_fit"]

ENOUGH = 8
"""Steps needed for a verdict, none of which follows from the others."""


@dataclass(frozen=True)
class Verdict:
    """What the work says.

    Attributes:
        findings: mistakes.
        stress: whether it has judged the stress, as right or wrong.
    """

    findings: list[DataFinding]
    stress: bool


def check_work(frames: Sequence[Frame]) -> Verdict:
    """Energy differences along trajectories against the work of forces and stress."""
    steps = find_steps(frames)
    fit = work_fit(steps)
    if fit is None:
        return Verdict([], False)
    right, plausible = (0.8, 1.25), (0.5, 2.0)  # real labels are noisy, and real paths not infinitely fine
    name = f"the work along {len(steps)} steps"
    witness = Witness(name, right, plausible, tolerance=0.1, mistakes=right, exact=True)
    as_total = replace(steps, change=steps.change * steps.atoms)
    findings = judge_forces(fit, witness, work_fit(as_total))
    per_atom = bool(findings) and findings[0].check == "energy per atom"
    fits = _on_cells(as_total if per_atom else steps)
    if not fits:
        return Verdict(findings, False)
    if findings and not per_atom and fits["stress"].is_close(0, float(fit.slopes[0]), 0.1):
        return Verdict(findings, True)  # forces and stress agree, and it is the energies that do not
    wrong, judged = judge_stress(fits, witness)
    if wrong and not findings and judge_stress(_on_cells(as_total), witness) == ([], True):
        wrong = [per_atom_finding(witness)]  # perfect crystals, which have no forces to tell
    return Verdict(findings + wrong, judged)


def work_fit(steps: Steps) -> Fit | None:
    """Changes of energy by the work on atoms, and on the cell whatever the stress is; None for few steps.

    The first slope is that of the work on atoms.
    """
    strained = steps.strained
    if steps.independent(strained) >= ENOUGH:
        fits = [
            fit_slopes([steps.work, *_cell_columns(steps, stress)], steps.change, _weights(steps))
            for stress in stress_readings(steps.stress, steps.volume).values()
        ]
        return min(fits, key=lambda fit: fit.left)
    if steps.independent(~strained) < ENOUGH:
        return None
    return fit_slopes([steps.work[~strained]], steps.change[~strained], _weights(steps)[~strained])


def _on_cells(steps: Steps) -> dict[str, Fit]:
    """What the work on atoms leaves of the changes of energy, by the work on strained cells for each reading."""
    strained, fit = steps.strained, work_fit(steps)
    if fit is None or steps.independent(strained) < ENOUGH:
        return {}
    left = (steps.change - fit.slopes[0] * steps.work)[strained]
    weights = _weights(steps)[strained]
    return {
        name: fit_slopes([column[strained] for column in _cell_columns(steps, stress)], left, weights)
        for name, stress in stress_readings(steps.stress, steps.volume).items()
    }


def _cell_columns(steps: Steps, stress: np.ndarray) -> list[np.ndarray]:
    """Work on the cell, and what the mean of both ends exaggerates.

    Between two rattled frames both ends have a larger stress than what is between, as atoms are harder the more they
    are displaced; the difference goes with strain times bending.
    """
    on_cell = np.where(steps.strained, steps.volume * (stress * steps.strain).sum(axis=(1, 2)), 0.0)
    expansion = np.where(steps.strained, np.trace(steps.strain, axis1=1, axis2=2), 0.0)
    return [on_cell, expansion * steps.bending]


def _weights(steps: Steps) -> np.ndarray:
    """The mean of both ends is the better, the less they bend."""
    bending = np.abs(steps.bending)
    return 1.0 / (bending + np.quantile(bending, 0.25) + 1e-9)
