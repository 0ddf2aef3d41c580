"""Steps between neighbouring frames of a path, and the work that the labels say was done in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equical.training.data.labels import Frame

__all__ = ["Steps", "find_steps"]

Floats = NDArray[np.float64]

FARTHEST = 0.15
"""Å; frames further apart (root mean square) are no step of a path."""

LARGEST_STRAIN = 0.03
"""Of the cell in a step."""

STRAINED = 1e-4
"""Strain from which on a step needs a stress."""

REACH = (3, 20)
"""A step leads to one of so many following frames of the same atoms, at least and at most: more where there are few."""

WANTED = 1000
"""Steps that are enough for a trajectory."""

LEAST_WORK = 1e-4
"""eV. Steps in which less happens than labels have digits are left out."""


@dataclass(frozen=True)
class Steps:
    """S steps. Between their ends, energy changes by the work −F·Δr on the atoms and V σ:ε on the cell.

    Attributes:
        start, end: ``[S]`` indices of frames.
        change: ``[S]`` eV, difference of the energy labels.
        work: ``[S]`` eV, −F·Δr with the mean of the force labels at both ends.
        bending: ``[S]`` eV, ΔF·Δr, the difference between what both ends say of the work.
        strain: ``[S, 3, 3]`` of the cell, symmetric.
        stress: ``[S, 3, 3]`` mean of the stress labels; zero where the cell stays as it is.
        volume: ``[S]`` Å³.
        atoms: ``[S]`` number of atoms.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    change: Floats
    work: Floats
    bending: Floats
    strain: Floats
    stress: Floats
    volume: Floats
    atoms: Floats

    def __len__(self) -> int:
        return len(self.change)

    @property
    def strained(self) -> NDArray[np.bool_]:
        """``[S]`` whether the cell changes."""
        return np.abs(self.strain).max(axis=(1, 2), initial=0.0) > STRAINED

    def independent(self, chosen: NDArray[np.bool_]) -> int:
        """How many of some steps there are of which none follows from others, as a → c from a → b and b → c."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        frames, ends = np.unique([self.start[chosen], self.end[chosen]], return_inverse=True)
        ends = ends.reshape(2, -1)
        links = coo_array((np.ones(ends.shape[1]), tuple(ends)), shape=(len(frames), len(frames)))
        return len(frames) - int(connected_components(links, directed=False)[0]) if len(frames) else 0


def find_steps(frames: Sequence[Frame]) -> Steps:
    """Steps between frames of the same atoms that stand close together in a trajectory."""
    tracks: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        if frame.forces is not None:
            tracks[frame.group.partition("#")[0], frame.atoms.numbers.tobytes()].append(index)
    rows = []
    for track in tracks.values():
        reach = int(np.clip(WANTED // len(track), *REACH))
        for place, i in enumerate(track):
            for j in track[place + 1 : place + 1 + reach]:
                step = _step(frames[i], frames[j])
                if step is not None:
                    rows.append((i, j, *step))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    shapes = [(-1,)] * 5 + [(-1, 3, 3)] * 2 + [(-1,)] * 2
    arrays = [np.array(column).reshape(shape) for column, shape in zip(columns, shapes, strict=True)]
    return Steps(arrays[0].astype(int), arrays[1].astype(int), *arrays[2:])


def _step(start: Frame, end: Frame) -> tuple[float, float, float, Floats, Floats, float, int] | None:
    """What :class:`Steps` says of one step; None if the frames are too far apart, or too little is known."""
    assert start.forces is not None and end.forces is not None
    a, b = start.atoms, end.atoms
    strain, stress, volume = np.zeros((3, 3)), np.zeros((3, 3)), 0.0
    if a.cell.rank == 3 and b.cell.rank == 3:
        deformation = np.linalg.solve(a.cell.array, b.cell.array) - np.eye(3)
        strain = 0.5 * (deformation + deformation.T)
        scaled = b.positions @ np.linalg.inv(b.cell.array) - a.positions @ np.linalg.inv(a.cell.array)
        moved = (scaled - np.round(scaled) * a.pbc) @ (0.5 * (a.cell.array + b.cell.array))
        volume = 0.5 * (a.cell.volume + b.cell.volume)
    else:
        moved = b.positions - a.positions
    if np.sqrt(np.square(moved).sum(axis=1).mean()) > FARTHEST or np.abs(strain).max() > LARGEST_STRAIN:
        return None
    if start.stress is not None and end.stress is not None:
        stress = 0.5 * (start.stress + end.stress)
    elif np.abs(strain).max() > STRAINED:
        return None
    change, work = end.energy - start.energy, -float((0.5 * (start.forces + end.forces) * moved).sum())
    if abs(change) < LEAST_WORK and abs(work) < LEAST_WORK:
        return None
    bending = float(((end.forces - start.forces) * moved).sum())
    return change, work, bending, strain, stress, volume, len(a)
