"""From slopes between labels and a witness, such as the work done along a path, to the mistake that explains them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equical.training.audit.finding import Finding
from equical.training.audit.fit import Fit
from equical.training.audit.units import FORCE_UNITS, ORDERS, STRESS_FACTORS, VIRIAL_FACTORS, as_virial, in_order

__all__ = ["EXPLAINED", "PER_ATOM", "Witness", "judge_forces", "judge_stress", "stress_readings"]

Floats = NDArray[np.float64]

EXPLAINED = 0.6
"""A fit that leaves a larger share unexplained says nothing."""

BETTER = 0.6
"""Another reading of the labels must leave less than this share of what the usual one leaves."""

WELL = 0.2
"""A fit that leaves less than this is beyond doubt."""

CONVERT = "Convert energies to eV and forces to eV/Å"
NEGATE = "Forces are minus the gradient of the energy: negate them"
PER_ATOM = "Give total energies: multiply by the number of atoms"
STRESS = "ASE's stress is dE/dε per volume in eV/Å³, negative for a crystal that wants to expand (VASP prints −σ)"


@dataclass(frozen=True)
class Witness:
    """Who knows better than the labels, and how well.

    Attributes:
        name: for messages.
        right: slopes within these bounds are right.
        plausible: slopes beyond these bounds are wrong, whatever the reason.
        tolerance: relative; how close a slope must be to that of a known mistake.
        mistakes: known mistakes have slopes beyond these bounds.
        exact: whether other slopes cannot be its own fault.
    """

    name: str
    right: tuple[float, float]
    plausible: tuple[float, float]
    tolerance: float
    mistakes: tuple[float, float]
    exact: bool


def judge_forces(fit: Fit, witness: Witness, per_atom: Fit | None = None) -> list[Finding]:
    """What is wrong with forces.

    Args:
        fit: its first slope is the factor that they need.
        witness: for whom they need it.
        per_atom: the same if energies are multiplied by the number of atoms.
    """
    factor = float(fit.slopes[0])
    if fit.left > EXPLAINED or not fit.is_certain(0) or _within(factor, witness.right):
        return []
    sign = float(np.sign(factor))
    check = "force sign" if sign < 0 else "force unit"
    wrong_sign = "have the wrong sign and " if sign < 0 else ""
    known = {name: unit for name, unit in FORCE_UNITS.items() if fit.is_close(0, sign * unit, witness.tolerance)}
    known = {name: unit for name, unit in known.items() if not _within(unit, witness.mistakes)}
    if per_atom is not None and per_atom.left < 1.1 * fit.left and per_atom.is_close(0, sign, witness.tolerance):
        other = f", or it is as with {next(iter(known))}" if known else ""
        negated = " (and forces have the wrong sign)" if sign < 0 else ""
        message = f"energies are per atom, by {witness.name}{negated}{other}"
        return [Finding("error", "energy per atom", message, PER_ATOM)]
    if known:
        name = min(known, key=lambda name: abs(np.log(abs(factor) / known[name])))
        message = f"forces {wrong_sign}need a factor of {abs(factor):.3g} by {witness.name}, as with {name}"
        return [Finding("error", check, message, CONVERT)]
    if sign < 0 and _within(-factor, witness.right):
        return [Finding("error", check, f"forces have the wrong sign, by {witness.name}", NEGATE)]
    message = f"forces {wrong_sign}need a factor of {abs(factor):.3g} by {witness.name}"
    grave = sign < 0 or not _within(factor, witness.plausible)
    return [Finding("error" if grave else "warning", check, message, "Check the units of energies and forces")]


def stress_readings(label: Floats, volume: Floats) -> dict[str, Floats]:
    """What labels ``[S, 3, 3]`` may be, as stresses: what they should be, virials, or written in another order.

    Args:
        label: as read, for a stress in ASE's order.
        volume: ``[S]`` Å³.
    """
    others = {name: in_order(label, order) for name, order in ORDERS.items()}
    return {"stress": label, "virial": as_virial(label, volume)} | others


def judge_stress(fits: dict[str, Fit], k: int, witness: Witness) -> tuple[list[Finding], bool]:
    """What is wrong with stresses, and whether that can be said at all.

    Args:
        fits: for each of :func:`stress_readings`; slope ``k`` is the factor that it needs.
        k: which slope that is.
        witness: for whom.
    """
    usual, virial = fits["stress"], fits["virial"]
    order = min(ORDERS, key=lambda name: fits[name].left)
    if min(usual.left, virial.left, fits[order].left) > EXPLAINED:
        return [], False
    if fits[order].left < BETTER * min(usual.left, virial.left) and fits[order].is_certain(k):
        message = f"the components of the stress stand in another order, {order}, by {witness.name}"
        return [Finding("error", "stress order", message, "ASE's order is xx yy zz yz xz xy")], True
    is_right = usual.is_certain(k) and _within(float(usual.slopes[k]), witness.right)
    if virial.left < BETTER * usual.left or (not is_right and virial.left < 1.02 * usual.left):
        found = _judge_virial(virial, k, witness)
        if found:
            return found, True
    if not usual.is_certain(k):
        return [], False
    return ([] if is_right else _judge_factor(usual, k, witness)), True


def _judge_virial(fit: Fit, k: int, witness: Witness) -> list[Finding]:
    for name, factor in VIRIAL_FACTORS.items():
        for sign in (1.0, -1.0):
            if fit.is_certain(k) and fit.is_close(k, sign * factor, witness.tolerance):
                turned = "−" if sign > 0 else ""
                times = " × 160.22" if "160.22" in name else ""
                message = f"the stress is {name}, by {witness.name}"
                advice = f"Give the stress in eV/Å³, which is {turned}label{times} / volume"
                return [Finding("error", "virial", message, advice)]
    return []


def _judge_factor(fit: Fit, k: int, witness: Witness) -> list[Finding]:
    factor = float(fit.slopes[k])
    sign = float(np.sign(factor))
    check = "stress sign" if sign < 0 else "stress unit"
    for unit, needed in STRESS_FACTORS.items():
        if fit.is_close(k, sign * needed, witness.tolerance):
            what = f"the wrong sign and are in {unit}" if sign < 0 else f"the unit {unit}"
            return [Finding("error", check, f"stresses have {what}, by {witness.name}", STRESS)]
    if sign < 0 and _within(-factor, witness.right):
        return [Finding("error", check, f"stresses have the wrong sign, by {witness.name}", STRESS)]
    message = f"stresses need a factor of {factor:.3g} by {witness.name}"
    grave = not _within(factor, witness.plausible) or (witness.exact and fit.left < WELL)
    return [Finding("error" if grave else "warning", check, message, STRESS)]


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
