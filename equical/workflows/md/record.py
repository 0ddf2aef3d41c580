"""The files that grow while a run goes on: the trajectory and the thermo table."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical.errors import InputError

__all__ = ["THERMO", "TRAJECTORY", "Recorder", "frame_of"]

TRAJECTORY = "trajectory.extxyz"
THERMO = "thermo.csv"


class Recorder:
    """Appends whole frames and whole rows; what could not be written in full is taken back.

    Use as a context manager, which closes the files.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int] | None = None) -> None:
        """Open the files.

        Args:
            folder: Where they are.
            sizes: Lengths in bytes to cut them back to; None starts them anew.

        Raises:
            InputError: A file to go on with is missing or shorter than it was.
        """
        self._files: dict[str, BinaryIO] = {}
        for name in (TRAJECTORY, THERMO):
            path = folder / name
            if sizes is None:
                path.unlink(missing_ok=True)
            elif not path.exists() or path.stat().st_size < sizes[name]:
                raise InputError(f"{path} is missing or was cut since the checkpoint: start afresh with --overwrite")
            else:
                os.truncate(path, sizes[name])
            self._files[name] = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()

    def add(self, frame: Atoms, row: Mapping[str, float]) -> None:
        """Append a frame to the trajectory and a row to the thermo table.

        Raises:
            OSError: The disk is full, or another reason why it cannot be written; the file ends with the frame before.
        """
        table = "" if self._files[THERMO].tell() else ",".join(row) + "\n"
        table += ",".join(f"{value:.10g}" for value in row.values()) + "\n"
        text = io.StringIO()
        write(text, frame, format="extxyz")
        self._append(TRAJECTORY, text.getvalue())
        self._append(THERMO, table)

    def sizes(self) -> dict[str, int]:
        """Lengths in bytes of the files."""
        return {name: file.tell() for name, file in self._files.items()}

    def _append(self, name: str, text: str) -> None:
        file, data = self._files[name], memoryview(text.encode())
        start = file.tell()
        try:
            while data:
                data = data[file.write(data) :]
        except OSError as error:
            file.truncate(start)
            raise OSError(
                error.errno,
                f"{error.strerror} while writing; the run is safe up to its last checkpoint: "
                "make room and repeat the command with --restart",
                file.name,
            ) from error


def frame_of(atoms: Atoms, step: int, time: float, results: Mapping[str, float | np.ndarray]) -> Atoms:
    """A copy for the trajectory, with results, step and time in ps, and nothing else of the structure's ``info``."""
    frame = atoms.copy()
    frame.info = {"step": step, "time_ps": time}
    frame.calc = SinglePointCalculator(frame, **results)
    return frame
