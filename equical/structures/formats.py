"""Which of ASE's formats a file is in, and what to do about those that ASE does not read."""

from __future__ import annotations

import difflib
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from equical.errors import InputError

__all__ = ["content", "find_format", "lines_of"]

ADVICE = {
    "lmdb": "an LMDB data base is not read: export it to .extxyz or to ASE's .db",
    "h5": "HDF5 is not read: export it to .extxyz or to ASE's .db",
    "hdf5": "HDF5 is not read: export it to .extxyz or to ASE's .db",
    "npz": "arrays of numpy are not read: write .extxyz or ASE's .db",
    "npy": "arrays of numpy are not read: write .extxyz or ASE's .db",
    "pkl": "a pickle is not read, because it could run any code: write .extxyz or ASE's .db",
    "pickle": "a pickle is not read, because it could run any code: write .extxyz or ASE's .db",
    "pt": "tensors of PyTorch are not read: write .extxyz or ASE's .db",
    "xtc": "it holds no elements: convert it together with its topology to .extxyz",
    "trr": "it holds no elements: convert it together with its topology to .extxyz",
    "mol2": "ASE does not read it: convert it, as with obabel FILE -O new.xyz",
    "smi": "ASE does not read it: convert it, as with obabel FILE --gen3d -O new.xyz",
    "zip": "unpack it first",
    "tar": "unpack it first",
    "tgz": "unpack it first",
    "zst": "unpack it first",
    "7z": "unpack it first",
}
"""By the ending of the name."""

DIALECTS = {"mcif": "cif"}
"""Endings of files in a format that ASE knows by another one."""

COMMON = "extxyz, cif, vasp, lammps-data or lammps-dump-text"

SNIFFED = 4000
"""Bytes of a file that are looked at."""


def find_format(path: Path, stated: str | None = None) -> str:
    """ASE's name of the format of a file.

    Args:
        path: of the file.
        stated: the format as the user states it; None to find it by name and content, as ASE does. Data files of
            LAMMPS are told by their content, whatever they are called.

    Raises:
        InputError: there is no such format, or none that fits the file.
    """
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    if stated is not None:
        return _checked(stated)
    ending = path.suffix.lower().lstrip(".")
    if ending in DIALECTS:
        return DIALECTS[ending]
    if ending in ADVICE:
        raise InputError(f"cannot read a structure from {path}: {ADVICE[ending]}")
    try:
        with _unpacking(path):
            found = filetype(str(path.absolute()))
    except UnknownFileTypeError:
        found = ""
    if found in ioformats and found not in ("runnerdata", "gamess-us-punch"):  # endings that others use too
        return found
    if _is_lammps_data(path):
        return "lammps-data"
    if found in ioformats:
        return found
    what = f"ASE knows no format called .{ending}" if ending else "its format cannot be told from its name"
    raise InputError(f"cannot read a structure from {path}: {what}; state the format with --format, such as {COMMON}")


def _checked(stated: str) -> str:
    """A format that ASE reads, as stated.

    Raises:
        InputError: it is none.
    """
    from ase.io.formats import ioformats

    readable = [name for name, form in ioformats.items() if form.can_read]
    if stated in readable:
        return stated
    close = difflib.get_close_matches(stated.lower(), readable, n=3)
    advice = f"did you mean {' or '.join(close)}?" if close else f"there are {COMMON}, and others of ASE"
    raise InputError(f"ASE reads no format called {stated!r}; {advice}")


def content(path: Path, most: int = -1) -> bytes:
    """What a file holds, unpacked if it is compressed; with ``most``, its beginning alone.

    Raises:
        InputError: it is called as if it were compressed, and is not, or is damaged.
    """
    from ase.io.formats import open_with_compression

    with _unpacking(path), open_with_compression(str(path), "rb") as file:
        return bytes(file.read(most))


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a text, one after the other, unpacked if it is compressed; letters beyond ASCII may be wrong ones.

    Raises:
        InputError: as :func:`content`.
    """
    from ase.io.formats import open_with_compression

    with _unpacking(path), io.TextIOWrapper(open_with_compression(str(path), "rb"), "latin-1") as file:
        yield from file


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    """Refuse, in one way, what each of three compressions complains of in a way of its own."""
    try:
        yield
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system, not of a compression
            raise
        kind = path.suffix.lstrip(".")
        raise InputError(
            f"cannot unpack {path}: it is cut short, damaged, or no {kind} file at all; compress or copy it again"
        ) from error


def _is_lammps_data(path: Path) -> bool:
    head = content(path, SNIFFED)
    return bool(re.search(rb"^\s*\d+\s+atoms\s*(#.*)?$", head, re.MULTILINE) and re.search(rb"\bxlo\s+xhi\b", head))
