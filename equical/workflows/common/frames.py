"""Structures in files: whatever a user's ``info`` and ``arrays`` hold, what is written can be read again."""

from __future__ import annotations

import io
import os
import re
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError
from equical.files import atomic_path
from equical.structures.read import read_structure

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["append_structure", "as_extxyz", "check_writable", "read_frame", "snapshot", "write_structures"]

RESERVED = frozenset({"Lattice", "Properties", "pbc", "cell", "numbers", "positions", "species", "pos", "virial"})
"""Names that extxyz gives a meaning of its own, beside those of results."""

LINE_BREAKS = re.compile("[\n\r\v\f\x00-\x1f\x7f\x85\u2028\u2029]+")
"""What ends a line for one reader or another."""

NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
"""Names that every reader takes for one word."""

PLAIN_TEXT = re.compile(r"(?!_JSON)[A-Za-z0-9_.,:+*/()-]+(?: [A-Za-z0-9_.,:+*/()-]+)*", re.ASCII)
"""Text without marks that mean something to a reader."""


OPTIONS: dict[str, dict[str, Any]] = {"lammps-data": {"masses": True}}
"""What a format needs for elements to be told from it."""


def write_structures(path: str | os.PathLike[str], images: Atoms | Sequence[Atoms]) -> None:
    """Write one or several structures with their results, in the format the name asks for."""
    from ase import Atoms
    from ase.io import write
    from ase.io.formats import filetype

    images = [images] if isinstance(images, Atoms) else images
    kind = filetype(path, read=False)
    with atomic_path(path) as temporary:
        write(temporary, [_writable(image) for image in images], format=kind, **OPTIONS.get(kind, {}))


def append_structure(path: str | os.PathLike[str], image: Atoms) -> None:
    """Add a structure to an extxyz file; a kill in the middle leaves an incomplete last frame, and no other harm."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(as_extxyz(image))


def as_extxyz(image: Atoms) -> str:
    """One frame as text: its number of atoms and two lines more."""
    from ase.io import write

    text = io.StringIO()
    write(text, _writable(image), format="extxyz")
    return text.getvalue()


def read_frame(text: bytes, size: int) -> Atoms | None:
    """The structure in the text of one extxyz frame, with its energy and forces; None where it is not whole.

    Args:
        text: of the frame, to the end of its last line.
        size: number of atoms it must have.
    """
    from ase.io import read

    try:
        frame = read(io.StringIO(text.decode("utf-8")), format="extxyz")
        numbers = [frame.positions, frame.cell.array, frame.get_forces(apply_constraint=False)]
        whole = len(frame) == size and all(np.isfinite(values).all() for values in numbers)
        return frame if whole and np.isfinite(frame.get_potential_energy()) else None
    except Exception:  # ASE's readers raise whatever their parsing stumbles over
        return None


def _writable(atoms: Atoms) -> Atoms:
    """A copy whose ``info`` and ``arrays`` every file can hold: no objects, no names of results, no broken lines.

    Names of results are those of the calculation: a value that an earlier one has left there would be taken for it.
    """
    from ase.calculators.calculator import all_properties

    copy = atoms.copy()
    copy.calc = atoms.calc
    taken = RESERVED.union(all_properties)
    one_line = {key: LINE_BREAKS.sub(" ", v).strip() if isinstance(v, str) else v for key, v in atoms.info.items()}
    copy.info = {k: v for k, v in one_line.items() if isinstance(k, str) and k not in taken and _survives(k, v)}
    for name in set(copy.arrays) - {"numbers", "positions"}:
        if name in taken or not NAME.fullmatch(name) or not _is_column(copy.arrays[name]):
            del copy.arrays[name]
    return copy


def _survives(key: str, value: Any) -> bool:
    """Whether an entry can be written and is there again when the file is read, with all else that the line holds."""
    plain = type(value) in (int, float) or (isinstance(value, str) and PLAIN_TEXT.fullmatch(value) is not None)
    if plain and NAME.fullmatch(key):
        return True
    from ase import Atoms
    from ase.io import read, write

    trial, text = Atoms("H", cell=[1, 2, 3], pbc=[True, False, True], info={key: value}), io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            write(text, trial, format="extxyz")
            text.seek(0)
            again = read(text, format="extxyz")
    except Exception:  # ASE raises whatever its parsing stumbles over
        return False
    lines = text.getvalue().removesuffix("\n").split("\n")
    whole = len(lines) == 3 and not any(LINE_BREAKS.search(line) for line in lines)
    return whole and again == trial and list(again.info) == [key]


def _is_column(values: np.ndarray) -> bool:
    """Whether the values of each atom fit into columns of a table."""
    if values.dtype.kind == "U":
        return values.ndim == 1 and all(PLAIN_TEXT.fullmatch(text) and " " not in text for text in values.tolist())
    return values.dtype.kind in "biuf" and values.ndim <= 2 and values.size > 0


def check_writable(
    path: str | os.PathLike[str], count: int = 1, *, replace: bool = False, like: Atoms | None = None
) -> Path:
    """Make sure, before hours of work, that ``count`` structures can be written to ``path`` in the format of its name.

    Args:
        path: of the file.
        count: how many structures.
        replace: accept that there is such a file already. A database with more rows than would be written is never
            replaced: it holds more than results of an earlier run.
        like: a structure as they will be, to try whether the format can hold it.

    Raises:
        InputError: ASE writes no such format, or none that can hold the structure; the folder is missing or not
            writable, or the file exists.
    """
    from ase.io.formats import UnknownFileTypeError, filetype, ioformats

    path = Path(path)
    try:
        form = ioformats[filetype(path, read=False)]
    except (UnknownFileTypeError, KeyError):
        raise InputError(
            f"ASE knows no file format for {path.name}; try a name ending in .cif, .vasp or .extxyz"
        ) from None
    if not form.can_write:
        raise InputError(f"ASE can read but not write {form.name} ({path.name}); choose another format")
    if form.single and count > 1:
        raise InputError(f"{form.name} files hold one structure, and there are {count}; write .extxyz or .traj instead")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write to {path}: it is a folder, or its folder is missing or read-only")
    if path.exists():
        rows = _rows(path) if form.name in ("db", "json") else 0
        if rows > count:
            raise InputError(
                f"{path} holds {rows} structures, all of which would be replaced; write another file, and add that to "
                f"it with: ase db new{path.suffix} --insert-into {path}"
            )
        if not replace:
            raise InputError(f"{path} exists; choose another name, or replace it with --overwrite")
    if like is not None and len(like) and np.isfinite(like.positions).all():
        _try_to_write(path.name, like)
    return path


def _try_to_write(name: str, atoms: Atoms) -> None:
    """Refuse a format that cannot hold a structure, or leaves its lattice out."""
    from ase.io.formats import filetype, ioformats

    bare = atoms.copy()
    bare.calc = None
    kind = filetype(name, read=False)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trial = Path(folder) / name
        try:
            write_structures(trial, bare)
        except Exception as error:  # ASE's writers raise whatever they stumble over
            raise InputError(f"ASE cannot write {name} ({kind}): {error}; choose another format, as .extxyz") from error
        if not ioformats[kind].can_read or not bare.pbc.any():
            return
        try:
            again = read_structure(trial, format=kind)
        except InputError:
            return
    if again.cell.rank == 0:
        raise InputError(f"{name} would not hold the lattice ({kind}); choose another format, such as .cif or .extxyz")


def _rows(path: Path) -> int:
    """Number of structures in an ASE database; 0 where a file is none."""
    from ase.db import connect

    try:
        with connect(path) as database:
            return int(database.count())
    except Exception:  # whatever the file holds, it is no database
        return 0


def snapshot(atoms: Atoms) -> Atoms:
    """A copy of ``atoms`` that keeps the standard results already computed for it, and nothing of its calculator."""
    from ase.calculators.calculator import all_properties
    from ase.calculators.singlepoint import SinglePointCalculator

    copy = atoms.copy()
    if atoms.calc is not None and not atoms.calc.calculation_required(atoms, ["energy"]):
        results = atoms.calc.results
        known = {name: results[name] for name in all_properties if results.get(name) is not None}
        copy.calc = SinglePointCalculator(copy, **known)
    return copy
