"""The trajectory and the thermo table, which grow while a run goes on."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from equical.workflows.common.frames import as_extxyz, read_frame
from equical.workflows.common.notes import warn
from equical.workflows.md.growing import Extent, GrowingFile

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["BAROSTAT_COLUMNS", "COLUMNS", "THERMO", "TRAJECTORY", "Recorder", "frame_of", "read_thermo"]
__all__ += ["warn_of_gaps"]

TRAJECTORY = "trajectory.extxyz"
THERMO = "thermo.csv"

COLUMNS = (
    "step", "time_ps", "temperature_K", "target_K", "potential_eV", "kinetic_eV", "total_eV", "conserved_eV",
)  # fmt: skip
"""Of the thermo table."""

BAROSTAT_COLUMNS = ("pressure_GPa", "volume_A3")
"""Those that come with a barostat."""

MOST_LISTED = 4
"""Ranges of steps that a warning names."""


class Recorder:
    """Appends frames to the trajectory and rows to the thermo table.

    Use as a context manager, which closes the files.

    Args:
        folder: where they are.
        columns: of the thermo table, the first of them the step.
        size: number of atoms.
        interval: steps between two frames.
    """

    def __init__(self, folder: Path, columns: Sequence[str], size: int, interval: int):
        self._columns = columns
        self._size = size
        self._interval = interval
        self._files = {name: GrowingFile(folder / name) for name in (TRAJECTORY, THERMO)}
        self._last = dict.fromkeys(self._files, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def begin(self) -> None:
        """Start with empty files."""
        for file in self._files.values():
            file.begin()

    def go_on(self, step: int, extents: Mapping[str, Extent]) -> None:
        """Cut the files back to what they held after some step.

        Where a file was damaged since, or has lost its end, what can be read of it is kept, and a warning names the
        steps that are missing.

        Args:
            step: the step.
            extents: of the files at that moment.
        """
        expected = range(0, step + 1, self._interval)
        self._last = dict.fromkeys(self._files, expected[-1])
        for name, file in self._files.items():
            if not file.go_on(extents[name]):
                found = self._repair(name, expected)
                self._last[name] = max(found, default=-1)
                if not warn_of_gaps(name, (one for one in expected if one != step), found) and found.issuperset(
                    expected
                ):
                    warn(f"{name} has changed since it was written; what can be read of it is kept")

    def lacks(self, step: int) -> bool:
        """Whether a file has nothing of a step that it should have, or nothing at all."""
        least = step if step % self._interval == 0 else 0
        return any(last < least for last in self._last.values())

    def add(self, step: int, frame: Atoms, row: Mapping[str, float]) -> None:
        """Append what a file has not yet of a step.

        Args:
            step: number of time steps done.
            frame: for the trajectory, see :func:`frame_of`.
            row: of the thermo table, by column.

        Raises:
            OSError: the disk is full, say; the file ends with the frame or row before.
        """
        values = ",".join(f"{row[name]:.10g}" for name in self._columns)
        for name, text in ((TRAJECTORY, as_extxyz(frame)), (THERMO, values + "\n")):
            if self._last[name] < step:
                header = self._header if name == THERMO and not self._files[name].extent.size else ""
                self._files[name].append(header + text)
                self._last[name] = step

    def sync(self) -> dict[str, Extent]:
        """Bring the files to the disk; what they hold now, by name."""
        for file in self._files.values():
            file.sync()
        return {name: file.extent for name, file in self._files.items()}

    @property
    def _header(self) -> str:
        return ",".join(self._columns) + "\n"

    def _repair(self, name: str, expected: range) -> set[int]:
        """Keep what can be read of a file, and say of which steps it is."""
        file = self._files[name]
        *lines, _ = file.path.read_bytes().split(b"\n") if file.path.exists() else [b""]
        kept: dict[int, bytes] = {}
        for step, text in self._frames(lines) if name == TRAJECTORY else self._rows(lines):
            if step in expected and step > max(kept, default=-1):
                kept[step] = text + b"\n"
        header = self._header.encode() if kept and name == THERMO else b""
        file.replace(header + b"".join(kept.values()))
        return set(kept)

    def _frames(self, lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """Whole frames and their steps, damaged parts skipped."""
        first, length = 0, self._size + 2
        while first + length <= len(lines):
            text = b"\n".join(lines[first : first + length])
            frame = read_frame(text, self._size) if lines[first] == b"%d" % self._size else None
            if frame is None or not isinstance(frame.info.get("step"), int | np.integer):
                first += 1
            else:
                yield int(frame.info["step"]), text
                first += length

    def _rows(self, lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
        """Whole rows and their steps."""
        for line in lines:
            try:
                values = [float(text) for text in line.decode("ascii").split(",")]
            except ValueError:
                continue
            if len(values) == len(self._columns) and values[0].is_integer():
                yield int(values[0]), line


def warn_of_gaps(name: str, expected: Iterable[int], found: Container[int]) -> bool:
    """Warn of steps that are missing in a file.

    Args:
        name: of the file.
        expected: steps that should be there.
        found: steps that are there.

    Returns:
        Whether any is missing.
    """
    expected = list(expected)
    gaps = [list(group) for there, group in groupby(expected, lambda step: step in found) if not there]
    listed = [" to ".join(str(step) for step in sorted({gap[0], gap[-1]})) for gap in gaps]
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    if gaps:
        steps = ", ".join(listed[:MOST_LISTED]) + more
        warn(f"{name} lacks steps {steps}, which were lost on the disk: the run went on without them")
    return bool(gaps)


def frame_of(atoms: Atoms, step: int, time: float, results: Mapping[str, float | NDArray[np.float64]]) -> Atoms:
    """A copy for the trajectory, with results, step and time in ps, and nothing else of the structure's ``info``."""
    from ase.calculators.singlepoint import SinglePointCalculator

    frame = atoms.copy()
    frame.info = {"step": step, "time_ps": time}
    frame.calc = SinglePointCalculator(frame, **results)
    return frame


def read_thermo(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a thermo table by name."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))
