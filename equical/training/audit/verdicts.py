"""From slopes between labels and a witness, such as the work done along a path, to the mistake that explains them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equical.training.audit.finding import DataFinding
from equical.training.audit.fit import Fit
from equical.training.audit.units import (
    ENERGY_UNITS,
    FORCE_UNITS,
    ORDERS,
    STRESS_FACTORS,
    VIRIAL_FACTORS,
    as_virial,
    in_order,
)

__all__ = ["Witness", "judge_forces", "judge_stress", "per_atom_finding", "stress_readings"]

Floats = NDArray[np.float64]

EXPLAINED = 0.6
"""A fit that leaves a larger share unexplained says nothing."""

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


def judge_forces(fit: Fit, witness: Witness, per_atom: Fit | None = None) -> list[DataFinding]:
    """What is wrong with forces.

    Args:
        fit: its first slope is the factor that they need.
        witness: for whom they need it.
        per_atom: the same if energies are multiplied by the number of atoms.
    """
    factor = float(fit.slopes[0])
    if _says(fit, 0) and _within(factor, witness.right):
        return []
    if per_atom is not None and _is_per_atom(fit, per_atom, witness):
        negated = " (and forces have the wrong sign)" if per_atom.slopes[0] < 0 else ""
        alike = _units_of_forces(fit, witness)[:1] if _says(fit, 0) and fit.left < 1.1 * per_atom.left else []
        other = "".join(f", or it is as with {name}" for name in alike)
        return [per_atom_finding(witness, negated + other)]
    if not _says(fit, 0):
        return []
    sign = float(np.sign(factor))
    check = "force sign" if sign < 0 else "force unit"
    wrong_sign = "have the wrong sign and " if sign < 0 else ""
    known = _units_of_forces(fit, witness)
    message = f"forces {wrong_sign}need a factor of {abs(factor):.3g} by {witness.name}"
    if known:
        return [DataFinding("error", check, f"{message}, as with {' or '.join(known)}", CONVERT)]
    if sign < 0 and _within(-factor, witness.right):
        return [DataFinding("error", check, f"forces have the wrong sign, by {witness.name}", NEGATE)]
    grave = sign < 0 or not _within(factor, witness.plausible)
    return [DataFinding("error" if grave else "warning", check, message, "Check the units of energies and forces")]


def _says(fit: Fit, k: int) -> bool:
    """Whether a fit explains anything, and slope ``k`` is certain."""
    return fit.left < EXPLAINED and fit.is_certain(k)


def _is_per_atom(fit: Fit, per_atom: Fit, witness: Witness) -> bool:
    """Whether forces fit, but for their sign, energies that are multiplied by the number of atoms."""
    better = _says(per_atom, 0) and per_atom.left < 1.1 * fit.left
    return better and _within(abs(float(per_atom.slopes[0])), witness.right)


def per_atom_finding(witness: Witness, more: str = "") -> DataFinding:
    """Energies are per atom."""
    return DataFinding("error", "energy per atom", f"energies are per atom, by {witness.name}{more}", PER_ATOM)


def _units_of_forces(fit: Fit, witness: Witness) -> list[str]:
    """Which units explain the first slope, whatever its sign, the likeliest two."""
    factor = abs(float(fit.slopes[0]))
    sign = float(np.sign(fit.slopes[0]))
    units = {name: unit for name, unit in FORCE_UNITS.items() if not _within(unit, witness.mistakes)}
    names = [name for name, unit in units.items() if fit.is_close(0, sign * unit, witness.tolerance)]
    return sorted(names, key=lambda name: abs(np.log(factor / FORCE_UNITS[name])))[:2]


def stress_readings(label: Floats, volume: Floats) -> dict[str, Floats]:
    """What labels ``[S, 3, 3]`` may be, as stresses: what they should be, virials, or written in another order.

    Args:
        label: as read, for a stress in ASE's order.
        volume: ``[S]`` Å³.
    """
    others = {name: in_order(label, order) for name, order in ORDERS.items()}
    return {"stress": label, "virial": as_virial(label, volume)} | others


def judge_stress(fits: dict[str, Fit], witness: Witness) -> tuple[list[DataFinding], bool]:
    """What is wrong with stresses, and whether that can be said at all.

    Args:
        fits: for each of :func:`stress_readings`; the first slope is the factor that it needs.
        witness: for whom.
    """
    usual, virial = fits["stress"], fits["virial"]
    order = min(ORDERS, key=lambda name: fits[name].left)
    if min(usual.left, virial.left, fits[order].left) > EXPLAINED:
        return [], False
    if fits[order].is_certain(0) and all(fits[order].is_better_than(other) for other in (usual, virial)):
        message = f"the components of the stress stand in another order, {order}, by {witness.name}"
        finding = DataFinding("error", "stress order", message, "ASE's order is xx yy zz yz xz xy")
        return [finding, *_judge_factor(fits[order], witness)], True
    is_right = usual.is_certain(0) and _within(float(usual.slopes[0]), witness.right)
    if virial.is_better_than(usual) or (not is_right and virial.left < 1.02 * usual.left):
        found = _judge_virial(virial, witness)
        if found:
            return found, True
    if not usual.is_certain(0):
        return [], False
    return _judge_factor(usual, witness), True


def _judge_virial(fit: Fit, witness: Witness) -> list[DataFinding]:
    for name, factor in VIRIAL_FACTORS.items():
        for sign in (1.0, -1.0):
            if fit.is_certain(0) and fit.is_close(0, sign * factor, witness.tolerance):
                turned = "−" if sign > 0 else ""
                times = " × 160.22" if "160.22" in name else ""
                message = f"the stress is {name}, by {witness.name}"
                advice = f"Give the stress in eV/Å³, which is {turned}label{times} / volume"
                return [DataFinding("error", "virial", message, advice)]
    return []


def _judge_factor(fit: Fit, witness: Witness) -> list[DataFinding]:
    factor = float(fit.slopes[0])
    if _within(factor, witness.right):
        return []
    sign = float(np.sign(factor))
    check = "stress sign" if sign < 0 else "stress unit"
    for unit, needed in ENERGY_UNITS.items():
        if fit.is_close(0, needed, witness.tolerance):
            message = f"stresses need a factor of {factor:.3g} by {witness.name}, as with energies in {unit}"
            return [DataFinding("error", check, message, CONVERT)]
    for unit, needed in STRESS_FACTORS.items():
        if fit.is_close(0, sign * needed, witness.tolerance):
            what = f"the wrong sign and are in {unit}" if sign < 0 else f"the unit {unit}"
            return [DataFinding("error", check, f"stresses have {what}, by {witness.name}", STRESS)]
    if sign < 0 and _within(-factor, witness.right):
        return [DataFinding("error", check, f"stresses have the wrong sign, by {witness.name}", STRESS)]
    message = f"stresses need a factor of {factor:.3g} by {witness.name}"
    grave = not _within(factor, witness.plausible) or (witness.exact and fit.left < WELL)
    return [DataFinding("error" if grave else "warning", check, message, STRESS)]


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
