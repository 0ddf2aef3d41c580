"""Do energies, forces and stresses belong together? Units, signs and order tested by the work along trajectories.

Between two neighbouring points of a trajectory the energy changes by the work done: −F·Δr on the atoms and V σ:ε on the
cell. A slope of one between label and work confirms units and signs of all three; another slope names the mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from equical.training.audit.finding import Finding
from equical.training.audit.fit import Fit, fit_slopes
from equical.training.audit.steps import Steps, find_steps
from equical.training.audit.verdicts import Witness, judge_forces, judge_stress, per_atom_finding, stress_readings
from equical.training.data.dataset import Frame

__all__ = ["ENOUGH", "Verdict", "check_work", "work_fit"]

ENOUGH = 8
"""Steps needed for a verdict."""


@dataclass(frozen=True)
class Verdict:
    """What the work says.

    Attributes:
        findings: mistakes.
        stress: whether it has judged the stress, as right or wrong.
    """

    findings: list[Finding]
    stress: bool


def check_work(frames: Sequence[Frame]) -> Verdict:
    """Energy differences along trajectories against the work of forces and stress."""
    steps = find_steps(frames)
    fits = _fits(steps)
    if not fits:
        return Verdict([], False)
    right, plausible = (0.8, 1.25), (0.5, 2.0)  # real labels are noisy, and real paths not infinitely fine
    name = f"the work along {len(steps)} steps"
    witness = Witness(name, right, plausible, tolerance=0.1, mistakes=right, exact=True)
    as_total = _fits(replace(steps, change=steps.change * steps.atoms))
    findings = judge_forces(_best(fits), witness, _best(as_total))
    if len(fits) == 1:
        return Verdict(findings, False)
    if findings and findings[0].check == "energy per atom":
        fits = as_total
    elif findings and fits["stress"].is_close(0, float(fits["stress"].slopes[1]), 0.1):
        return Verdict(findings, True)  # forces and stress agree, and it is the energies that do not
    wrong, judged = judge_stress(fits, 1, witness)
    if wrong and not findings and judge_stress(as_total, 1, witness) == ([], True):
        wrong = [per_atom_finding(witness)]  # perfect crystals, which have no forces to tell
    return Verdict(findings + wrong, judged)


def work_fit(steps: Steps) -> Fit | None:
    """How well the work of the labels, taken as they should be, explains the changes of energy; None for few steps."""
    return _fits(steps).get("stress")


def _best(fits: dict[str, Fit]) -> Fit:
    return min(fits.values(), key=lambda fit: fit.left)


def _fits(steps: Steps) -> dict[str, Fit]:
    """Changes of energy by the work on atoms and, for each reading of the stress, on the cell.

    The mean of both ends is the better, the less they bend. Between two rattled frames it exaggerates the stress, as
    atoms are harder the more they are displaced; this goes with strain times bending, which has a column of its own.
    """
    bending = np.abs(steps.bending)
    weights = 1.0 / (bending + np.quantile(bending, 0.25) + 1e-9) if len(steps) else bending
    strained = steps.strained
    if strained.sum() < ENOUGH:
        if (~strained).sum() < ENOUGH:
            return {}
        return {"stress": fit_slopes([steps.work[~strained]], steps.change[~strained], weights[~strained])}
    expansion = np.where(strained, np.trace(steps.strain, axis1=1, axis2=2), 0.0)
    fits = {}
    for name, stress in stress_readings(steps.stress, steps.volume).items():
        on_cell = np.where(strained, steps.volume * (stress * steps.strain).sum(axis=(1, 2)), 0.0)
        fits[name] = fit_slopes([steps.work, on_cell, expansion * steps.bending], steps.change, weights)
    return fits
