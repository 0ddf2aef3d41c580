"""Kill a run at each of its file events, one after the other, as ``kill -9`` or a power cut would.

A child process is forked for each event: it counts what it does to files (opening for writing, bringing to the disk,
renaming, removing), and ends at once, without any clean-up, when its number has come.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["killed_at_every_file_event"]

EVENTS = ("replace", "fsync", "unlink", "mkdir", "rename")
KILLED = 9


def killed_at_every_file_event(run: Callable[[Path], object], folders: Iterator[Path]) -> Iterator[tuple[int, Path]]:
    """Yield the number of an event and the folder as a kill just before that event left it; ends with a whole run.

    Args:
        run: does all its work below a folder.
        folders: fresh folders, one for each run.
    """
    number = 0
    while True:
        number += 1
        folder = next(folders)
        process = os.fork()
        if process == 0:
            _count_down(number)
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


def _count_down(number: int) -> None:
    """End the process just before event ``number``."""
    left = [number]

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **keywords: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                os._exit(KILLED)
            return function(*args, **keywords)

        return call

    for name in EVENTS:
        setattr(os, name, counted(getattr(os, name)))
