"""Checks of the structures themselves: lengths, order, trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from equical.errors import InputError
from equical.neighbors.build import pairs_within
from equical.structures.contacts import bond_lengths
from equical.structures.occupancy import disordered_site
from equical.training.audit.finding import DataFinding, origins
from equical.training.data.labels import Frame

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["NEAR", "check_disorder", "check_distances", "check_trajectories", "mean_move"]

BOHR = 0.529177
NOBLE_GASES = {2, 10, 18, 36, 54, 86}

NEAR = 0.3
"""Å; frames whose atoms moved less than this (root mean square) can be steps of one trajectory."""


def check_distances(frames: Sequence[Frame]) -> list[DataFinding]:
    """Bond lengths that betray another unit, and atoms that nearly coincide."""
    ratios = np.array([_shortest(frame) for frame in frames])
    known = ratios[np.isfinite(ratios)]
    if not len(known):
        return []
    median, least = float(np.median(known)), float(np.quantile(known, 0.05))
    for unit, factor in {"Bohr": 1 / BOHR, "nm": 0.1}.items():
        # Bonds that are all too long, or too short: a molecule that is pulled apart has bonds of any length.
        if abs(median / factor - 1) < 0.25 and abs(least / factor - 1) < 0.3 and not 0.6 < median < 1.45:
            message = f"the shortest distances are {median:.2f} times a bond length, as if positions were in {unit}"
            return [DataFinding("error", "length unit", message, "Convert positions and cells to Å")]
    close = [frame for frame, ratio in zip(frames, ratios, strict=True) if ratio < 0.5]
    if not close:
        return []
    message = f"{len(close)} of {len(frames)} frames have atoms closer than half a bond length"
    advice = "Keep them only if they are meant to teach repulsion"
    return [DataFinding("warning", "close contacts", message, advice, origins(close))]


def check_disorder(images: Mapping[str, Atoms]) -> list[DataFinding]:
    """Structures that stand for a disordered crystal, of which ASE keeps one element of each site."""
    found = {origin: site for origin, atoms in images.items() if (site := disordered_site(atoms)) is not None}
    if not found:
        return []
    message = f"{len(found)} of {len(images)} frames are marked as disordered: {next(iter(found.values()))}"
    advice = "Labels belong to ordered structures: make sure that these are, and delete occupancy"
    return [DataFinding("warning", "disorder", message, advice, tuple(found))]


def check_trajectories(frames: Sequence[Frame], grouped: bool, keys: Sequence[str]) -> list[DataFinding]:
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
    return [DataFinding("warning", "correlated frames", message, advice)]


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


def _shortest(frame: Frame) -> float:
    """The shortest distance in units of a bond length; NaN where there is none, and for noble gases."""
    atoms = frame.atoms
    if set(atoms.numbers.tolist()) <= NOBLE_GASES:
        return np.nan  # held by no bonds
    for radius in (3.0, 6.0):
        try:
            receiver, sender, _, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, radius)
        except InputError:  # a cell without volume, or with thousands of images within the radius
            return 0.0
        if len(distance):
            return float((distance / bond_lengths(atoms.numbers, receiver, sender)).min())
    return np.nan
