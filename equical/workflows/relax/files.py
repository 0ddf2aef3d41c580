"""The files of a relaxation: a trajectory that grows step by step and can be taken up again, and the final result."""

from __future__ import annotations

from ase import Atoms

from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import append_structure, read_frame, write_structures
from equical.workflows.common.notes import warn
from equical.workflows.relax.plots import plot_relaxation
from equical.workflows.relax.result import RelaxResult

__all__ = ["RELAX_FILES", "Trajectory", "write_relaxation"]

TRAJECTORY = "trajectory.extxyz"

_FILES = (TRAJECTORY, "relaxed.extxyz", "relax.png")
RELAX_FILES = (*_FILES, *(f"[0-9]*/{name}" for name in ("run.json", "result.json", *_FILES)))
"""What relaxations of one or of many structures leave in a folder."""


class Trajectory:
    """Structures after each step, on disk as soon as they are known; without a folder, nothing is kept.

    Args:
        folder: of the run, which has begun.
        size: number of atoms.

    Attributes:
        earlier: structures of the trajectory taken up, with their results; the last one is where to go on.
    """

    def __init__(self, folder: RunFolder, size: int):
        self._folder = folder
        self.earlier: list[Atoms] = []
        if folder and folder.resume and (folder / TRAJECTORY).exists():
            self.earlier = self._take_up(size)

    def _take_up(self, size: int) -> list[Atoms]:
        """Read the frames that are whole, and cut off what follows: a kill may have left the last one unfinished."""
        path = self._folder / TRAJECTORY
        *lines, _ = path.read_bytes().split(b"\n")
        length = size + 2
        frames: list[Atoms] = []
        for first in range(0, len(lines) - length + 1, length):
            frame = read_frame(b"\n".join(lines[first : first + length]) + b"\n", size)
            if frame is None:
                until = f"after step {len(frames) - 1}: the run goes on from there"
                warn(f"{path} is damaged {until if frames else 'from its start on: the run begins again'}")
                break
            frames.append(frame)
        whole = b"\n".join(lines[: len(frames) * length])
        with atomic_path(path) as temporary:
            temporary.write_bytes(whole + b"\n" if whole else b"")
        return frames

    def add(self, image: Atoms, step: int) -> None:
        """Append the structure after ``step`` steps, unless the trajectory has it already."""
        if not self._folder or step < len(self.earlier):
            return
        if step == 0:
            write_structures(self._folder / TRAJECTORY, image)
        else:
            append_structure(self._folder / TRAJECTORY, image)


def write_relaxation(folder: RunFolder, result: RelaxResult) -> None:
    """Write the final structure and the plot."""
    write_structures(folder / "relaxed.extxyz", result.atoms)
    plot_relaxation(result, folder / "relax.png")
