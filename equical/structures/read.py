"""Structures from files of any format that ASE reads: as they stand there, and nothing else."""

from __future__ import annotations

import glob
import io
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError
from equical.structures.cif import read_crystals
from equical.structures.counts import COUNTED, check_counts
from equical.structures.elements import unknown_symbol
from equical.structures.formats import content, find_format, lines_of
from equical.structures.species import (
    Species,
    check_lammps_data,
    check_masses,
    elements_of_dump,
    masses_of_dump,
    name_types,
    nameless,
    parse_species,
    relabel_poscar,
    relabel_xyz,
)
from equical.structures.unread import UNREAD, check_unread

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["read_structure", "read_structures", "select"]

GivenSpecies = str | Sequence[str] | Mapping[str | int, str] | None

XYZ = ("extxyz", "xyz")

DUMPS = ("lammps-dump-text", "lammps-dump-binary", "netcdftrajectory")

NAMEABLE = (*XYZ, *DUMPS, "lammps-data", "vasp")
"""Formats of files whose elements species can name."""

HEAD = 100_000
"""Bytes within which the first frame of a dump says what its columns are."""

TOO_WIDE = re.compile(r"Properties=[^ ]*:[0-9]{5,}")
"""A number of columns of one property that no file has."""

LONGEST_REASON = 200
"""Characters of what a reader of ASE says, which may quote whole lines of a file that is no text."""


class _Frames(io.TextIOWrapper):
    """A text of frames that does not let its end be read for ever, as a frame that states 10^20 atoms would have it."""

    _ends = 0

    def readline(self, *size: Any) -> str:  # type: ignore[override]  # as typeshed has to say of its own
        """The next line; what follows the last is empty, as often as one may look for another frame.

        Raises:
            InputError: that has been asked for too often, or the line states columns without end.
        """
        line = super().readline(*size)
        if "Properties=" in line and TOO_WIDE.search(line):
            raise InputError("it states more columns in Properties than any line has")
        if not line:
            self._ends += 1
            if self._ends > 3:
                raise InputError("it ends within a frame, before the number of atoms that the frame states")
        return line

    def seek(self, *where: Any) -> int:
        """Go elsewhere, where lines may follow."""
        self._ends = 0
        return super().seek(*where)


def read_structures(
    path: str | PathLike[str], *, format: str | None = None, species: GivenSpecies = None, rows: bool = False
) -> list[Atoms]:
    """Every structure in a file of any format ASE reads.

    The name is taken as it is: an ``@`` in it is no syntax. Byte-order marks and texts that are not in UTF-8 are
    understood. Numbers of types, as LAMMPS has them, never become elements by themselves.

    Args:
        path: of the file.
        format: ASE's name of its format; None to tell it from name and content.
        species: elements of types 1, 2 and so on, as ``["Cu", "Ni"]`` or ``"Cu,Ni"``; or of labels, as
            ``{"OW": "O", "HW": "H"}`` or ``"OW=O,HW=H"``. For files of LAMMPS and VASP, and XYZ files.
        rows: put the key-value pairs and data of an ASE database's rows in ``info``.

    Raises:
        InputError: the file is missing, unreadable, or holds no structure; its format or elements cannot be told.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(_missing(path))
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a structure file")
    if not path.is_file():
        raise InputError(f"{path} is no ordinary file, but a pipe or a device; give a structure file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty")
    labels = parse_species(species)
    kind = find_format(path, format)
    try:
        images = _read(path, kind, labels, rows)
    except InputError as error:
        raise InputError(f"cannot read a structure from {path}: {error}") from error
    except Exception as error:  # ASE's readers raise whatever their parsing stumbles over
        raise InputError(f"cannot read a structure from {path} as {kind}: {_reason(error, kind, format)}") from error
    if not images:
        raise InputError(f"{path} holds no structure")
    return images


def read_structure(
    path: str | PathLike[str], index: int = -1, *, format: str | None = None, species: GivenSpecies = None
) -> Atoms:
    """One structure of a file, by default the last.

    Args:
        path: of the file.
        index: which, counted as in Python.
        format: as for :func:`read_structures`.
        species: as for :func:`read_structures`.

    Raises:
        InputError: as :func:`read_structures`, or there is no structure of that index.
    """
    (image,) = select(read_structures(path, format=format, species=species), str(index))
    return image


def select(images: list[Atoms], index: str) -> list[Atoms]:
    """Pick structures by an index or slice in Python's notation.

    >>> select(["a", "b", "c"], "-1"), select(["a", "b", "c"], "1:")
    (['c'], ['b', 'c'])
    """
    try:
        parts = [int(part) if part.strip() else None for part in index.split(":")]
        picked = images[slice(*parts)] if ":" in index else [images[int(index)]]
    except (ValueError, TypeError):
        raise InputError(f"index {index!r} is neither a number nor a slice such as 0, -1, 2:5 or ::10") from None
    except IndexError:
        raise InputError(f"there is no structure {index}; the file holds {len(images)}") from None
    if not picked:
        raise InputError(f"index {index!r} selects nothing of {len(images)} structures")
    return picked


def _missing(path: Path) -> str:
    name, at, _ = path.name.rpartition("@")
    if at and path.with_name(name).exists():
        return f"no such file: {path}; an @ is a part of the name here, not ASE's sign of an index"
    return f"no such file: {path}"


def _reason(error: Exception, kind: str, stated: str | None) -> str:
    """What went wrong in one of ASE's readers, as far as it can be told."""
    if isinstance(error, KeyError) and _looked_up_symbol(error):
        return unknown_symbol(str(error.args[0]), with_species=kind in NAMEABLE)
    if isinstance(error, ImportError) and error.name == "ase_db_backends":
        return "it needs the package ase-db-backends; install it, or export the data to .extxyz or .db"
    if isinstance(error, MemoryError):
        return "it states a number of atoms that does not fit into memory"
    text = shorten(str(error), LONGEST_REASON, placeholder=" …").rstrip(".") or "it does not look like it"
    if "Could not determine chemical symbols" in text:
        return "it does not name its elements: add a line with them above the numbers of atoms, or use --species Cu,Ni"
    return text if stated else f"{text}; if it is in another format, state that with --format"


def _looked_up_symbol(error: KeyError) -> bool:
    """Whether it was raised where ASE turns symbols into atomic numbers."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and Path(last.tb_frame.f_code.co_filename).name in ("symbols.py", "atoms.py")


def _read(path: Path, kind: str, species: Species, rows: bool) -> list[Atoms]:
    if kind == "db" and rows:
        return _read_rows(path)
    if kind in COUNTED:
        check_counts(kind, lines_of(path))
    if kind in UNREAD and not (kind == "vasp" and species):
        check_unread(kind, lines_of(path))
    if kind in XYZ:
        return _read_xyz(path, kind, species)
    if kind in DUMPS:
        return _read_dump(path, kind, species)
    if kind == "lammps-data":
        return _read_lammps_data(path, species)
    if species and kind == "vasp":
        text, found = relabel_poscar(_text(path), species)
        return _used(_ase_read(io.StringIO(text), kind), found, species)
    if species:
        raise InputError(f"species are for files of LAMMPS and VASP, and XYZ files; this is {kind}")
    if kind == "cif":
        return read_crystals(_text(path))
    if _has_mark(path):
        return _ase_read(_as_file(_text(path), kind), kind)
    try:
        return _ase_read(path, kind)
    except UnicodeDecodeError:
        return _ase_read(_as_file(_text(path), kind), kind)


def _ase_read(file: Any, kind: str, **options: Any) -> list[Atoms]:
    from ase.io import read

    if isinstance(file, Path):  # absolute, as a file called "-" is not standard input
        file = str(file.absolute())
        if kind == "res":  # ASE takes the name for a pattern
            file = glob.escape(file)
    images: list[Atoms] = read(file, index=":", format=kind, do_not_split_by_at_sign=True, **options)
    return images


def _read_rows(path: Path) -> list[Atoms]:
    from ase.db import connect

    with connect(path) as database:
        return [row.toatoms(add_additional_information=True) for row in database.select()]


def _read_xyz(path: Path, kind: str, species: Species) -> list[Atoms]:
    packed = path.suffix in (".gz", ".bz2", ".xz")  # where walking back, as ASE does, takes for ever
    if not species and not packed and not _has_mark(path):
        try:
            with _Frames(path.open("rb"), "utf-8") as frames:
                return _with_lattice(_ase_read(frames, kind))
        except UnicodeDecodeError:
            pass
    text, found = _text(path), False
    if species:
        text, found = relabel_xyz(text, species)
    images = _with_lattice(_ase_read(_Frames(io.BytesIO(text.encode("utf-8")), "utf-8"), kind))
    if species and not found:
        for atoms in images:
            if "type" in atoms.arrays:
                name_types(atoms, atoms.arrays["type"], species)
                found = True
    return _used(images, found or not species, species)


def _with_lattice(images: list[Atoms]) -> list[Atoms]:
    """The structures, if none has a lattice under a name that ASE does not know, without which it is a molecule.

    Raises:
        InputError: one has.
    """
    for atoms in images:
        if atoms.cell.rank == 0:
            for key, value in atoms.info.items():
                if str(key).lower() in ("lattice", "cell", "unit_cell", "box") and np.size(value) in (3, 6, 9):
                    raise InputError(
                        f"its lattice is called {key}, which is not read: write Lattice, with nine numbers"
                    )
    return images


def _read_dump(path: Path, kind: str, species: Species) -> list[Atoms]:
    column = elements_of_dump(content(path, HEAD)) if kind == "lammps-dump-text" else None
    if column == "mass" and not species:
        check_masses(masses_of_dump(lines_of(path)))
    images = _ase_read(path, kind)
    for atoms in images:
        types = atoms.numbers if kind == "netcdftrajectory" else atoms.arrays.get("type")
        if species:
            if types is None:
                raise InputError("it has no column of types that species could name")
            name_types(atoms, types, species)
        elif column == "mass":
            atoms.numbers[atoms.numbers == 0] = 1  # ASE takes a mass of 1 for X
        elif column is None and (kind != "netcdftrajectory" or _look_like_types(atoms.numbers)):
            raise InputError(nameless(atoms.numbers if types is None else types))
        if atoms.calc is not None:
            atoms.calc.results.pop("energy", None)  # there is none in the file: ASE puts zero
    return images


def _look_like_types(numbers: np.ndarray) -> bool:
    """Whether they are 1, 2 and so on, as types are and atomic numbers seldom."""
    kinds = set(numbers.tolist())
    return kinds == set(range(1, len(kinds) + 1))


def _read_lammps_data(path: Path, species: Species) -> list[Atoms]:
    images = _ase_read(path, "lammps-data")
    for atoms in images:
        if species:
            name_types(atoms, atoms.arrays["type"], species)
        else:
            check_lammps_data(_text(path), atoms)
    return images


def _used(images: list[Atoms], found: bool, species: Species) -> list[Atoms]:
    """The structures, if the species were good for something.

    Raises:
        InputError: no label of theirs occurs in the file.
    """
    if found:
        return images
    names = ", ".join(sorted({str(symbol) for atoms in images for symbol in atoms.symbols}))
    raise InputError(f"none of the species {', '.join(species)} occurs in it: it names its elements itself ({names})")


MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte-order marks, with which editors of Windows begin a text."""


def _has_mark(path: Path) -> bool:
    return content(path, 3).startswith(tuple(MARKS))


def _text(path: Path) -> str:
    """A text in whatever encoding."""
    raw = content(path)
    for mark, encoding in MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _as_file(text: str, kind: str) -> io.StringIO | io.BytesIO:
    """A text as ASE's reader of a format wants it.

    Raises:
        InputError: it reads files of its own only.
    """
    from ase.io.formats import ioformats

    if not ioformats[kind].acceptsfd:
        raise InputError("it is not in UTF-8, or begins with a byte-order mark: save it as plain UTF-8")
    return io.BytesIO(text.encode("utf-8")) if ioformats[kind].isbinary else io.StringIO(text)
