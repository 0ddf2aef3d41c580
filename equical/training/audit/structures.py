"""Checks of the structures themselves: lengths, trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from equical.training.audit.finding import Finding, origins
from equical.training.data.dataset import Frame

__all__ = ["NEAR", "check_distances", "check_trajectories", "mean_move"]

BOHR = 0.529177
NOBLE_GASES = {2, 10, 18, 36, 54, 86}

NEAR = 0.3
"""Å; frames whose atoms moved less than this (root mean square) can be steps of one trajectory."""


def check_distances(frames: Sequence[Frame]) -> list[Finding]:
    """Bond lengths that betray another unit, and atoms that nearly coincide."""
    from ase.data import covalent_radii

    ratios = np.full(len(frames), np.nan)
    for i, frame in enumerate(frames):
        if set(frame.atoms.numbers.tolist()) <= NOBLE_GASES:
            continue  # held by no bonds
        pairs = _nearest_pairs(frame)
        if pairs is not None:
            receiver, sender, distance = pairs
            numbers = frame.atoms.numbers
            ratios[i] = np.min(distance / (covalent_radii[numbers[receiver]] + covalent_radii[numbers[sender]]))
    known = ratios[np.isfinite(ratios)]
    if not len(known):
        return []
    median = float(np.median(known))
    for unit, factor in {"Bohr": 1 / BOHR, "nm": 0.1}.items():
        if abs(median / factor - 1) < 0.25 and not 0.6 < median < 1.45:
            message = f"the shortest distances are {median:.2f} times a bond length, as if positions were in {unit}"
            return [Finding("error", "length unit", message, "Convert positions and cells to Å")]
    close = [frame for frame, ratio in zip(frames, ratios, strict=True) if ratio < 0.5]
    if not close:
        return []
    message = f"{len(close)} of {len(frames)} frames have atoms closer than half a bond length"
    advice = "Keep them only if they are meant to teach repulsion"
    return [Finding("warning", "close contacts", message, advice, origins(close))]


def check_trajectories(frames: Sequence[Frame], grouped: bool, keys: Sequence[str]) -> list[Finding]:
    """Whether consecutive frames are steps of one trajectory while nothing says so.

    Args:
        frames: in file order.
        grouped: whether a group key was given.
        keys: ``info`` keys that could name trajectories.
    """
    if grouped or len(frames) < 4:
        return []
    moves = [move for a, b in pairwise(frames) if (move := mean_move(a, b)) is not None]
    if len(moves) < 0.5 * len(frames) or np.median(moves) > NEAR:
        return []
    message = f"consecutive frames differ by {np.median(moves):.2g} Å (median): steps of trajectories"
    which = f"group_key, for instance {', '.join(keys)}" if keys else "block to the length of a trajectory"
    advice = f"Split whole trajectories, never at random: set {which}"
    return [Finding("warning", "correlated frames", message, advice)]


def mean_move(a: Frame, b: Frame) -> float | None:
    """Root mean square displacement between two frames of the same atoms in the same cell (Å), else None.

    A common shift of all atoms is no displacement.
    """
    if not np.array_equal(a.atoms.numbers, b.atoms.numbers):
        return None
    if np.abs(a.atoms.cell.array - b.atoms.cell.array).max() > 1e-3:
        return None
    difference = b.atoms.positions - a.atoms.positions
    if a.atoms.pbc.any() and a.atoms.cell.rank == 3:
        scaled = difference @ np.linalg.inv(a.atoms.cell.array)
        scaled -= scaled[0]  # of which the shift is left, which is the same for all
        difference = (scaled - np.round(scaled) * a.atoms.pbc) @ a.atoms.cell.array
    difference = difference - difference.mean(axis=0)
    return float(np.sqrt(np.square(difference).sum(axis=1).mean()))


def _nearest_pairs(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Receiver, sender and distance of all pairs within 3 Å, or the first larger radius that has any."""
    from equical.errors import InputError
    from equical.neighbors.build import neighbor_list

    atoms = frame.atoms
    for radius in (3.0, 6.0):
        try:
            found = neighbor_list(atoms.positions, atoms.cell.array, atoms.pbc, radius)
        except InputError:  # coincident atoms
            return np.zeros(1, dtype=int), np.zeros(1, dtype=int), np.zeros(1)
        if len(found):
            vectors = atoms.positions[found.sender] + found.shift @ atoms.cell.array - atoms.positions[found.receiver]
            return found.receiver, found.sender, np.linalg.norm(vectors, axis=1)
    return None
