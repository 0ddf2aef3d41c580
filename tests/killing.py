"""Kill a run at each of its file events, one after the other, as ``kill -9`` or a power cut would.

A child process is forked for each event: it counts what it does to files (writing, cutting, bringing to the disk,
renaming, removing), and ends at once, without any clean-up, when its number has come; half of what it was about to
write is written.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["killed_at_every_file_event"]

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
    number = 0
    while True:
        number += 1
        folder = next(folders)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads that others in this process have
            process = os.fork()
        if process == 0:
            _Countdown(number, folder if power_cut else None).begin()
            try:
                run(folder)
            except BaseException:
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        assert code in (0, KILLED), f"the run itself failed before event {number}"
        if code == 0:
            return
        yield number, folder


class _Countdown:
    """Ends the process just before an event, and takes away what was not on the disk by then if told to."""

    def __init__(self, number: int, losing: Path | None):
        self._left = number
        self._losing = losing
        self._on_disk: dict[int, int] = {}
        self._real = {name: getattr(os, name) for name in EVENTS}

    def begin(self) -> None:
        for name in EVENTS:
            setattr(os, name, self._counted(name))

    def _counted(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            self._left -= 1
            if self._left == 0:
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
