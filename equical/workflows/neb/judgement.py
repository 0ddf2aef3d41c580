"""What makes a path doubtful, said in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.notes import warn
from equical.workflows.neb.result import NebResult

__all__ = ["intermediates", "judge", "judge_ends", "kinks"]

END_FORCE = 0.05
"""eV/Å. An end with a larger force is no minimum."""

DEPTH = 0.02
"""eV. A minimum between the ends counts that is deeper than this on both sides."""

KINK = 75.0
"""Degrees between two steps of a path, of which more is no smooth curve."""


def judge_ends(forces: tuple[float, float]) -> None:
    """Say where an end is no minimum."""
    for name, force in zip(("initial", "final"), forces, strict=True):
        if force > END_FORCE:
            warn(
                f"the {name} structure has forces of up to {force:.2g} eV/Å and is no minimum, so that the barrier is "
                "counted from a wrong zero: --relax-ends, or equical relax"
            )


def judge(result: NebResult) -> None:
    """Say what is doubtful about a path."""
    if not result.converged:
        hasty = result.settings.optimizer == "lbfgs"
        why = "" if result.max_force > result.settings.fmax else ", and the highest image has not climbed yet"
        warn(
            f"the band has not converged in {result.steps} steps: its largest force is {result.max_force:.2g} eV/Å"
            f"{why}; go on with --resume and more --steps{', and --optimizer fire' if hasty else ''}"
        )
    if not result.has_saddle:
        where = "final" if result.highest else "initial"
        warn(f"no image lies above the {where} structure: there is no barrier on this path, or it is too coarse to see")
    for number in intermediates(result.energies):
        warn(
            f"image {number} lies in a minimum between two maxima: relax it, and look for a path from the initial "
            "structure to it and another one on from there"
        )
    bends = kinks(result.images)
    worst = int(bends.argmax()) if bends.size else 0
    if bends.size and bends[worst] > KINK:
        warn(f"the path bends by {bends[worst]:.0f}° at image {worst + 1}: take more --images, or stronger --spring")


def intermediates(energies: NDArray[np.float64]) -> list[int]:
    """Numbers of the images that lie in a minimum of their own between the ends.

    >>> intermediates(np.array([0.0, 0.5, 0.1, 0.4, 0.0])), intermediates(np.array([0.0, 0.50, 0.49, 0.50, 0.0]))
    ([2], [])
    """
    found: list[int] = []
    for number in range(1, len(energies) - 1):
        here = energies[number]
        if here > energies[number - 1] or here > energies[number + 1]:
            continue
        walls = []
        for side in (energies[number::-1], energies[number:]):
            lower = np.flatnonzero(side < here)
            walls.append(side[: lower[0] if lower.size else len(side)].max() - here)
        if min(walls) > DEPTH:
            found.append(number)
    return found


def kinks(images: Sequence[Atoms]) -> NDArray[np.float64]:
    """``[P − 2]`` degrees between the step to each image and the one from it."""
    steps = [(after.positions - before.positions).ravel() for before, after in pairwise(images)]
    cosines = [a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in pairwise(steps)]
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))
