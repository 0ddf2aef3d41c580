"""Kill a run at its file events, as ``kill -9`` or a power cut would.

A process of its own counts what the run does to files (writing, cutting, bringing to the disk, renaming, removing), and
ends at once, without any clean-up, when its number has come; half of what it was about to write is written. Files are
those of ``_pyio`` there, so that what is written passes through ``os.write``; see :mod:`tests.faults`. Writes in a row
to a temporary file count as one, since none of them matters more than another.
"""

import _pyio
import builtins
import io
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from equical.files import is_leftover

__all__ = ["count_file_events", "killed_at", "killed_at_every_file_event"]

EVENTS = ("replace", "fsync", "unlink", "mkdir", "rename", "write", "truncate", "ftruncate")
KILLED = 9


def killed_at_every_file_event(
    run: Callable[[Path], object], folders: Iterator[Path], *, power_cut: bool = False
) -> Iterator[tuple[int, Path]]:
    """Yield the number of an event and the folder as a kill just before that event left it; ends with a whole run.

    Args:
        run: does all its work below a folder.
        folders: fresh folders, one for each run.
        power_cut: what was not brought to the disk before is lost, too.
    """
    number = 1
    while killed_at(number, run, folder := next(folders), power_cut=power_cut):
        yield number, folder
        number += 1


def killed_at(
    number: int, run: Callable[[Path], object], folder: Path, *, power_cut: bool = False, start: str = "fork"
) -> bool:
    """Run until just before an event; whether there was one of that number.

    Args:
        number: of the event, from 1 on.
        run: does all its work below a folder.
        folder: where.
        power_cut: what was not brought to the disk before is lost, too.
        start: how the process is made. A ``"fork"`` is this process over again, with what was patched and imported;
            ``"forkserver"`` takes a function that can be pickled, and is for libraries with threads of their own
            (OpenMP), which hang in a fork of a process that has used them.
    """
    return _code_of(_run_until, number, run, folder, power_cut, start=start) == KILLED


def count_file_events(run: Callable[[Path], object], folder: Path, *, start: str = "fork") -> int:
    """How many file events a run has, in a process made for it."""
    told = multiprocessing.get_context(start).SimpleQueue()
    _code_of(_run_and_count, run, folder, told, start=start)
    return told.get()


def _code_of(target: Callable[..., None], *arguments: Any, start: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that others in this process have
        process = multiprocessing.get_context(start).Process(target=target, args=arguments)
        process.start()
    process.join()
    assert process.exitcode in (0, KILLED), f"the run itself failed: {arguments}"
    return process.exitcode


def _run_until(number: int, run: Callable[[Path], object], folder: Path, power_cut: bool) -> None:
    _Countdown(number, folder if power_cut else None).begin()
    run(folder)


def _run_and_count(run: Callable[[Path], object], folder: Path, told: Any) -> None:
    countdown = _Countdown(0, None)
    countdown.begin()
    run(folder)
    told.put(-countdown.left)


class _Countdown:
    """Ends the process just before an event, and takes away what was not on the disk by then if told to."""

    def __init__(self, number: int, losing: Path | None):
        self.left = number
        self._losing = losing
        self._on_disk: dict[int, int] = {}
        self._real = {name: getattr(os, name) for name in EVENTS}
        self._writing: Path | None = None

    def begin(self) -> None:
        for name in EVENTS:
            setattr(os, name, self._counted(name))
        for module in (builtins, io):
            module.open = _pyio.open

    def _counted(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            writing = _temporary(args[0]) if name == "write" else None
            self.left -= writing is None or writing != self._writing
            self._writing = writing
            if self.left == 0:
                if name == "write":
                    self._real[name](args[0], bytes(args[1])[: len(args[1]) // 2])
                self._end()
            if name != "fsync":
                return self._real[name](*args, **keywords)
            about = os.fstat(args[0])
            self._on_disk[about.st_ino] = about.st_size  # without waiting for a real disk
            return None

        return call

    def _end(self) -> None:
        for path in self._losing.rglob("*") if self._losing else ():
            if path.is_file():
                about = path.stat()
                self._real["truncate"](path, min(about.st_size, self._on_disk.get(about.st_ino, 0)))
        os._exit(KILLED)


def _temporary(descriptor: int) -> Path | None:
    """The temporary file that a descriptor leads to; None where it is no such file, or the system does not tell."""
    try:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:
        return None
    return path if is_leftover(path) else None
