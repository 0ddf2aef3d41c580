"""Files that grow while a run goes on, and what of them is still good when it is taken up again."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import NamedTuple

from equical.files import atomic_path, sync

__all__ = ["Extent", "GrowingFile"]

BLOCK = 1 << 20
"""Bytes read at a time."""


class Extent(NamedTuple):
    """How much of a file there was at some moment: bytes, and the CRC-32 of all of them."""

    size: int
    checksum: int


class GrowingFile:
    """A file that texts are appended to, each of them as a whole or not at all.

    Args:
        path: the file.

    Attributes:
        path: the file.
        extent: what has been written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.extent = Extent(0, 0)
        self._descriptor: int | None = None

    def begin(self) -> None:
        """Start with an empty file."""
        self.path.unlink(missing_ok=True)
        self._open(Extent(0, 0))

    def go_on(self, extent: Extent) -> bool:
        """Cut off what was written after some moment, and go on from there.

        Args:
            extent: of the file at that moment.

        Returns:
            Whether the file still begins with what it held then; where it does not, it is left as it is.
        """
        same = _beginning(self.path, extent.size) == extent
        if same:
            os.truncate(self.path, extent.size)
            self._open(extent)
        return same

    def replace(self, content: bytes) -> None:
        """Put something else in place of all that the file holds, and go on from there."""
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(content)
        self._open(Extent(len(content), zlib.crc32(content)))

    def append(self, text: str) -> None:
        """Add a text at the end.

        Raises:
            OSError: the disk is full, or whatever else keeps it from being written; the file is as it was before.
        """
        assert self._descriptor is not None
        data = text.encode()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            os.ftruncate(self._descriptor, self.extent.size)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.extent = Extent(self.extent.size + len(data), zlib.crc32(data, self.extent.checksum))

    def sync(self) -> None:
        """Bring what was written to the disk."""
        sync(self.path)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self, extent: Extent) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0))
        self.extent = extent


def _beginning(path: Path, size: int) -> Extent:
    """Of the first ``size`` bytes of a file, or of all that it has."""
    found = Extent(0, 0)
    if path.exists():
        with path.open("rb") as file:
            while block := file.read(min(BLOCK, size - found.size)):
                found = Extent(found.size + len(block), zlib.crc32(block, found.checksum))
    return found
