"""Compressed files of structures: read in one go, written so that the same frames give the same bytes."""

import gzip
import hashlib
import io
from pathlib import Path

from ase import Atoms
from ase.io import read, write


def read_frames(path: Path) -> list[Atoms]:
    """All frames of an extxyz file; a compressed one is unpacked first, because ASE walks back and forth in it."""
    if path.suffix != ".gz":
        return read(path, ":")
    text = gzip.decompress(path.read_bytes()).decode()
    return read(io.StringIO(text), ":", format="extxyz") if text else []


def write_frames(path: Path, frames: list[Atoms]) -> str:
    """Write a compressed file and return the beginning of its SHA-256."""
    text = io.StringIO()
    write(text, frames, format="extxyz")
    content = gzip.compress(text.getvalue().encode(), mtime=0)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()[:16]
