"""Frames that occur more than once, in whatever form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from equical.structures.identity import alike, coincide
from equical.training.audit.finding import DataFinding, origins
from equical.training.data.labels import Frame

__all__ = ["check_duplicates", "copies_among", "equivalents_among"]

SAME_ENERGY = 1e-3
"""eV per atom; structures that are the same, atom by atom, and whose energies differ by more disagree."""

SAME_SHIFTED = 0.02
"""eV per atom, of structures that are the same up to a shift or order: calculations on grids tell these apart."""

IN_PLACE = 1e-4
"""Å."""

DIGITS = 2e-6
"""eV. Two calculations never agree to this, though the structures may be images of each other."""

FORCE_DIGITS = 1e-5
"""eV/Å, the same for forces."""

DISTINCT = 0.6
"""Share of atoms with a force of their own from which on forces tell structures apart.

Where symmetry makes many alike, as in strained crystals, it also makes structures that agree to the last digit.
"""


def check_duplicates(frames: Sequence[Frame]) -> list[DataFinding]:
    """Structures that occur more than once, with equal or with different energies."""
    findings = []
    groups = copies_among(frames)
    again = [[frames[i] for i in group] for group in groups]
    apart = [(members, gap) for members in again if (gap := _spread(members)) > _tolerance(members)]
    if apart:
        largest = max(gap for _, gap in apart)
        message = f"{len(apart)} structures occur with different energies (up to {largest:.3g} eV apart)"
        advice = "Two levels of theory, settings or zeros of energy are mixed: give each its own data set"
        where = origins([members[1] for members, _ in apart])
        findings.append(DataFinding("error", "contradiction", message, advice, where))
    elif again:
        copies = [frame for members in again for frame in members[1:]]
        message = (
            f"{len(copies)} of {len(frames)} frames are copies of others, at least up to order, lattice vectors, "
            "shift or rotation"
        )
        advice = "Remove them: they must not end up on both sides of a split"
        findings.append(DataFinding("warning", "duplicates", message, advice, origins(copies)))
    return findings


def copies_among(frames: Sequence[Frame]) -> list[list[int]]:
    """Groups of frames that are one and the same, as indices in ascending order.

    They have the same labels to the last digits, which two calculations never have, or the same atoms at the same
    places up to their order, lattice vectors and a common shift.
    """
    classes = [*_by_labels(frames), *_by_places(frames)]
    home: dict[int, set[int]] = {}
    for group in classes:
        merged = set(group).union(*(home[i] for i in group if i in home))
        for i in merged:
            home[i] = merged
    return sorted({id(group): sorted(group) for group in home.values()}.values())


def equivalents_among(frames: Sequence[Frame]) -> list[list[int]]:
    """Groups of frames that are images of each other: copies, and what symmetry makes of a structure."""
    return alike([frame.atoms for frame in frames])


def _by_labels(frames: Sequence[Frame]) -> list[list[int]]:
    """Frames with the same elements, energy and lengths of forces."""
    lengths: dict[int, np.ndarray] = {}
    by_formula: dict[bytes, list[int]] = defaultdict(list)
    for i, frame in enumerate(frames):
        if frame.forces is not None:
            lengths[i] = np.sort(np.linalg.norm(frame.forces, axis=1))
            apart = np.diff(lengths[i], prepend=0.0) > 10 * FORCE_DIGITS
            if apart.sum() >= max(3, DISTINCT * len(frame.atoms)):
                by_formula[np.sort(frame.atoms.numbers).tobytes()].append(i)
    pairs = []
    for members in by_formula.values():
        members.sort(key=lambda i: frames[i].energy)
        for place, i in enumerate(members):
            for j in members[place + 1 :]:
                if frames[j].energy - frames[i].energy > DIGITS:
                    break
                if np.abs(lengths[i] - lengths[j]).max() < FORCE_DIGITS:
                    pairs.append([i, j])
                    break  # the next one finds the others
    return pairs


def _by_places(frames: Sequence[Frame]) -> list[list[int]]:
    """Frames whose atoms stand at the same places."""
    groups = []
    for group in alike([frame.atoms for frame in frames]):
        classes: list[list[int]] = []
        for i in group:
            known = next((one for one in classes if coincide(frames[one[0]].atoms, frames[i].atoms)), None)
            if known is None:
                classes.append([i])
            else:
                known.append(i)
        groups += [one for one in classes if len(one) > 1]
    return groups


def _tolerance(members: Sequence[Frame]) -> float:
    """eV by which energies of one structure may differ."""
    first = members[0].atoms
    in_place = all(
        np.array_equal(first.numbers, frame.atoms.numbers)
        and np.abs(first.positions - frame.atoms.positions).max() < IN_PLACE
        and np.abs(first.cell.array - frame.atoms.cell.array).max() < IN_PLACE
        for frame in members
    )
    return (SAME_ENERGY if in_place else SAME_SHIFTED) * len(first)


def _spread(members: Sequence[Frame]) -> float:
    energies = [frame.energy for frame in members]
    return max(energies) - min(energies)
