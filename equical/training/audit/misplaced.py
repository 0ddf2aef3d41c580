"""Labels that are right and stand in the wrong place: with another frame, another atom or another direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from equical.training.audit.finding import DataFinding
from equical.training.audit.steps import find_steps
from equical.training.audit.work import work_fit
from equical.training.data.labels import Frame

__all__ = ["check_misplaced"]

UNEXPLAINED = 0.25
"""Share of the changes of energy that the work leaves, from which on another place is looked for."""

FAR_LESS = 0.25
"""The other place is the right one where the work leaves less than this share of it."""

MOST = 500
"""Frames that are enough to tell."""

XYZ = "xyz"

Forces = NDArray[np.float64]


def check_misplaced(frames: Sequence[Frame]) -> list[DataFinding]:
    """Energies and forces that fit each other in another order, where they do not as they stand."""
    frames = frames[:MOST]
    left = _left(frames)
    if left is None or left < UNEXPLAINED:
        return []
    found = {name: _left(change(frames)) for name, change in PLACES.items()}
    best = min(found, key=lambda name: found[name] or 0.0 if found[name] is not None else np.inf)
    least = found[best]
    if least is None or least > FAR_LESS * left:
        return []
    shares = f"{100 * least:.2g} % of the changes of energy, and as they stand {100 * left:.2g} %"
    message = f"{best}: so the work leaves {shares}"
    return [DataFinding("error", "misplaced labels", message, "Correct what wrote these data")]


def _left(frames: Sequence[Frame]) -> float | None:
    """Share of the changes of energy that the work does not explain; None for few steps."""
    fit = work_fit(find_steps(frames))
    return None if fit is None else fit.left


def _shifted(by: int) -> Callable[[Sequence[Frame]], list[Frame]]:
    def change(frames: Sequence[Frame]) -> list[Frame]:
        energies = np.roll([frame.energy for frame in frames], by)
        return [replace(frame, energy=float(energy)) for frame, energy in zip(frames, energies, strict=True)]

    return change


def _with_forces(place: Callable[[Frame, Forces], Forces]) -> Callable[[Sequence[Frame]], list[Frame]]:
    def change(frames: Sequence[Frame]) -> list[Frame]:
        return [f if f.forces is None else replace(f, forces=place(f, f.forces)) for f in frames]

    return change


def _along(axes: tuple[int, ...]) -> Callable[[Frame, Forces], Forces]:
    """Forces whose components are those along these axes."""
    return lambda frame, forces: forces[:, np.argsort(axes)]


def _by_element(frame: Frame, forces: Forces) -> Forces:
    """Forces that are sorted by element, as VASP needs it, given to the atoms they belong to."""
    by_symbol = np.argsort(frame.atoms.get_chemical_symbols(), kind="stable")
    return forces[np.argsort(by_symbol)]


PLACES: dict[str, Callable[[Sequence[Frame]], list[Frame]]] = {
    "energies belong to the frame before": _shifted(-1),
    "energies belong to the frame after": _shifted(1),
    "forces belong to the atoms sorted by element": _with_forces(_by_element),
    "forces belong to the atoms in the opposite order": _with_forces(lambda frame, forces: forces[::-1]),
} | {
    f"the components of the forces are {' '.join(XYZ[axis] for axis in axes)}": _with_forces(_along(axes))
    for axes in permutations(range(3))
    if axes != (0, 1, 2)
}
"""Where labels may belong, and how they get there."""
