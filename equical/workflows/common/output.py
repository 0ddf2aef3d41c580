"""Where a workflow's results go: one folder, never overwritten silently, every file whole or absent.

Files are written under a temporary name beside their final one and renamed, so that a run which dies, or a disk which
fills up, leaves the previous version untouched.
"""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from equical.errors import InputError
from equical.workflows.common.inputs import check_structure, read_structure, read_structures, resolve_calculator

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = [
    "append_structure",
    "atomic_path",
    "check_structure",
    "check_writable",
    "comparable",
    "open_output",
    "parameters_of",
    "provenance",
    "read_structure",
    "read_structures",
    "remove_earlier",
    "removed_if_empty",
    "resolve_calculator",
    "snapshot",
    "write_json",
    "write_structures",
]


def open_output(
    directory: str | os.PathLike[str] | None,
    command: str,
    stem: str,
    leaves: Iterable[str],
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Path:
    """Create the folder a run writes to.

    Args:
        directory: the folder; None for ``<command>-<stem>`` in the working directory.
        command: name of the workflow.
        stem: what it works on, usually the stem of the structure file.
        leaves: patterns of the files that such a run leaves in its folder, beside ``result.json``.
        overwrite: accept a folder with earlier results. They are removed at once, so that none of them can be taken
            for a result of the new run, which may fail, die half-way, or have less to tell. Other files stay.
        resume: accept a folder with earlier results and leave all of it in place.

    Raises:
        InputError: the folder is not empty (and neither ``overwrite`` nor ``resume``), or cannot be written to.
    """
    folder = Path(directory) if directory is not None else Path(f"{command}-{stem}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output {folder} is a file; give a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
        occupied = any(folder.iterdir())
        if occupied and overwrite:
            remove_earlier(folder, leaves)
    except OSError as error:
        raise InputError(f"cannot write to output folder {folder}: {error.strerror or error}") from error
    if occupied and not (overwrite or resume):
        raise InputError(f"output folder {folder} is not empty; choose another with --output, or --overwrite it")
    return folder


def remove_earlier(folder: Path, leaves: Iterable[str]) -> None:
    """Remove ``result.json`` and what else an earlier run has left, and subfolders that are empty then."""
    found = [path for pattern in ("result.json", *leaves) for path in folder.glob(pattern) if path.is_file()]
    for path in found:
        path.unlink()
    for parent in {path.parent for path in found} - {folder}:
        if not any(parent.iterdir()):
            parent.rmdir()


@contextmanager
def removed_if_empty(folder: Path | None) -> Iterator[None]:
    """Remove an output folder again when an exception ends the block before anything was written to it."""
    try:
        yield
    except BaseException:
        if folder is not None and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise


def check_writable(path: str | os.PathLike[str], count: int = 1) -> Path:
    """Make sure, before hours of work, that ``count`` structures can be written to ``path`` in the format of its name.

    Raises:
        InputError: ASE writes no such format, or the folder is missing or not writable.
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
    return path


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; it takes the place of ``path`` when the block ends without an exception."""
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")  # the suffix tells writers the format
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], data: Mapping[str, Any]) -> None:
    """Write a mapping as strict JSON; arrays become lists, dataclasses mappings, and NaN and infinities null."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_plain(data), indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    """``value`` in the types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return [_plain(item) for item in value]


def write_structures(path: str | os.PathLike[str], images: Atoms | Sequence[Atoms]) -> None:
    """Write one or several structures with their results, in the format the name asks for."""
    from ase import Atoms
    from ase.io import write
    from ase.io.formats import filetype

    images = [images] if isinstance(images, Atoms) else images
    with atomic_path(path) as temporary:
        write(temporary, [_with_plain_info(image) for image in images], format=filetype(path, read=False))


def append_structure(path: str | os.PathLike[str], image: Atoms) -> None:
    """Add a structure to an extxyz file; a kill in the middle leaves an incomplete last frame, and no other harm."""
    from ase.io import write

    write(path, _with_plain_info(image), format="extxyz", append=True)


def _with_plain_info(atoms: Atoms) -> Atoms:
    """A copy without the objects in ``atoms.info`` that no file can hold, such as ``adsorbate_info`` of ASE's slabs."""
    copy = atoms.copy()
    copy.calc = atoms.calc
    for key, value in atoms.info.items():
        try:
            json.dumps(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
        except TypeError:
            del copy.info[key]
    return copy


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


def parameters_of(calculator: BaseCalculator) -> dict[str, str]:
    """What a calculator was told, as text, without the device: a run may move to another machine."""
    parameters = getattr(calculator, "parameters", {})
    return {name: repr(comparable(value)) for name, value in sorted(parameters.items()) if name != "device"}


def comparable(value: Any) -> Any:
    """Values as nested lists; other objects by their type alone, as their text may hold an address in memory."""
    if isinstance(value, Mapping):
        return sorted([str(key), comparable(item)] for key, item in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        return comparable(vars(value))
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value if isinstance(value, str | int | float | None) else type(value).__qualname__


def provenance(calculator: BaseCalculator) -> dict[str, Any]:
    """What a result was computed with.

    Returns:
        ``model``: class of the calculator, and name and hash of the weights of an equical model; ``dtype``: its
        precision, where known; ``versions`` of what took part.
    """
    model = {"calculator": type(calculator).__name__}
    checkpoint = getattr(calculator, "checkpoint", None)
    if checkpoint is not None:
        model |= {"name": checkpoint.name, "sha256": checkpoint.sha256}
    from equical import __version__

    versions = {"equical": __version__} | {name: version(name) for name in ("torch", "ase", "numpy")}
    return {
        "model": model,
        "dtype": getattr(calculator, "parameters", {}).get("dtype"),
        "versions": versions | {"python": platform.python_version()},
    }
