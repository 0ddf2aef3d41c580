"""Let something go wrong at any of the file events of a run: the disk fills up, or the user interrupts.

Unlike :mod:`tests.killing` this happens within the process, which has to say what went wrong and to clean up. While it
counts, files are those of ``_pyio``, Python's own twin of its C library, so that everything that is written passes
through ``os.write``; libraries in other languages (SQLite, safetensors) do not.
"""

import _pyio
import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["DiskFull", "Interrupt", "count_file_events", "struck_at"]

EVENTS = ("replace", "rename", "fsync", "unlink", "mkdir", "rmdir", "write", "truncate", "ftruncate")


class Interrupt:
    """Ctrl-C, just before something happens to a file."""

    def __init__(self) -> None:
        self._done = False

    def strike(self, event: str, arguments: tuple[Any, ...], real: Callable[..., Any]) -> None:
        """Interrupt once."""
        if not self._done:
            self._done = True
            raise KeyboardInterrupt


class DiskFull:
    """From here on nothing can be written; what takes no room still works."""

    def strike(self, event: str, arguments: tuple[Any, ...], real: Callable[..., Any]) -> None:
        """Write half of what was to be written, if there is any."""
        if event == "write" and len(arguments[1]) > 1:
            real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        if event in ("write", "mkdir", "fsync"):
            where = arguments[0] if event == "mkdir" else None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), where)


def count_file_events(run: Callable[[Path], object], folder: Path) -> int:
    """How many file events a run has below a folder."""
    with _counting(folder, None, 0) as counted:
        run(folder)
    return counted[0]


def struck_at(
    number: int, fault: DiskFull | Interrupt, run: Callable[[Path], object], folder: Path
) -> BaseException | None:
    """What a run raises if a fault strikes it at one of its file events; None where it did without that file."""
    try:
        with _counting(folder, fault, number):
            run(folder)
    except (Exception, KeyboardInterrupt) as error:
        return error
    return None


@contextmanager
def _counting(folder: Path, fault: DiskFull | Interrupt | None, number: int) -> Iterator[list[int]]:
    counted = [0]

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if _is_below(folder, arguments[0]):
                counted[0] += 1
                if fault is not None and counted[0] >= number:
                    fault.strike(name, arguments, real)
            return None if name == "fsync" else real(*arguments, **keywords)  # without waiting for a real disk

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in EVENTS:
            patch.setattr(os, name, watched(name, getattr(os, name)))
        for module in (builtins, io):
            patch.setattr(module, "open", _pyio.open)
        yield counted


def _is_below(folder: Path, where: Any) -> bool:
    """Whether a path or descriptor leads to something below a folder, or to the folder."""
    try:
        path = Path(os.readlink(f"/proc/self/fd/{where}") if isinstance(where, int) else os.fspath(where))
    except OSError:
        return True  # a system that does not tell
    return path == folder or folder in path.parents
