"""One process at a time in a folder: a job that is started twice must not write into its own files."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["LOCK", "FolderLock"]

LOCK = ".lock"
"""Name of the file that is locked. The lock ends with its process, however that ends; the file alone means nothing."""


NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""Errors of file systems without locks, where a run is worth more than the certainty that it is alone."""


class FolderLock:
    """Held from :meth:`acquire` to :meth:`release`, or to the end of the process.

    Args:
        folder: which must exist.
    """

    def __init__(self, folder: Path):
        self._path = folder / LOCK
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            InputError: another process, or another run of this one, works in it.
            OSError: the folder cannot be written to.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._path, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise InputError(
                f"{self._path.parent} is in use by {self._holder()}: wait until it is done, or choose another folder"
            ) from None
        except NotImplementedError:
            return
        except OSError as error:
            if error.errno in NO_LOCKS:
                return
            raise
        self._lock = lock
        try:
            self._path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", "utf-8")
        except BaseException:  # a full disk, say: nobody else is to be kept out by a run that never began
            self.release()
            raise

    def release(self) -> None:
        """Give the folder back and leave nothing in it."""
        if self._lock is not None:
            lock, self._lock = self._lock, None
            try:
                self._path.unlink(missing_ok=True)
            finally:
                lock.release()

    def _holder(self) -> str:
        try:
            return self._path.read_text("utf-8").strip() or "another process"
        except (OSError, UnicodeDecodeError):
            return "another process"
