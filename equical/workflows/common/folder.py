"""The folder of a run: never overwritten unasked, used by one process at a time, whole at every moment.

::

    with RunFolder("relax-cu", RELAX_FILES, resume=resume) as folder:
        ...                                  # look at the input; what is refused leaves the folder as it was
        folder.begin("relax", identity, calculator, atoms)
        write_structures(folder / "trajectory.extxyz", atoms)
        ...
        folder.finish(result, calculator)    # result.json comes last: it says that all is there

A folder of None keeps nothing: a workflow asks ``if folder:`` before it writes.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from equical.errors import InputError
from equical.files import is_leftover, write_json
from equical.workflows.common.lock import LOCK, FolderLock
from equical.workflows.common.provenance import (
    constraints_of,
    identity_of,
    is_known,
    probe,
    provenance,
    structure_digest,
)

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

    from equical.workflows.common.result import Result
    from equical.workflows.common.settings import Settings

__all__ = ["REPORT", "RESULT", "RUN", "RunFolder"]

RUN = "run.json"
"""What the run is: written before the first calculation, and compared where the run goes on."""

RESULT = "result.json"
"""What the run came to: written when everything else is there, and gone while the run goes on."""

REPORT = "report.html"
"""A page about the result, where the user wants one; it goes with the result it is about."""

NO_ROOM = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
"""Errors of a disk that is full, or that a user may not fill further."""

SAME_PROBE = 1e-3
"""Relative difference of energies and forces that machines and precisions may cause in an unknown calculator."""


class OutOfRoom(OSError):
    """The disk is full, and the message says what to do."""


class RunFolder:
    """Where a run leaves its files.

    Use as a context manager. Where the block ends with an exception before anything was written, a folder that was
    made for it is removed again.

    Args:
        output: the folder, which is made if it does not exist; None keeps nothing.
        leaves: patterns of the files that such a run leaves, beside ``run.json``, ``result.json`` and ``report.html``.
        overwrite: accept a folder with earlier results. They are removed when the run begins, that is once its input
            has been accepted, so that none of them can be taken for a result of the new run. Other files stay.
        resume: accept a folder with earlier results, and go on from there; None for runs that cannot.

    Attributes:
        path: the folder, or None.
        resume: whether an earlier run goes on.
        begun: whether the input has been accepted.

    Raises:
        InputError: the folder is not empty (and neither ``overwrite`` nor ``resume``), is no folder, cannot be written
            to, or is in use by another process; or both ``overwrite`` and ``resume``; or, at the end, it was removed
            while the run was writing to it.
        OSError: at the end, the disk is full; the message says how to go on.
    """

    def __init__(
        self,
        output: str | os.PathLike[str] | None,
        leaves: Iterable[str],
        *,
        overwrite: bool = False,
        resume: bool | None = None,
    ):
        if overwrite and resume:
            raise InputError("a run is either resumed or overwritten: give one of the two")
        if resume and output is None:
            raise InputError("to resume a run, give the output folder it was begun in")
        self.path = None if output is None else Path(output)
        self.resume = bool(resume)
        self._way_on = "make room, and run it again" if resume is None else "make room, and go on with --resume"
        self._leaves = (RUN, RESULT, REPORT, *leaves)
        self._overwrite = overwrite
        self._made: list[Path] = []
        self.begun = False

    def __bool__(self) -> bool:
        return self.path is not None

    def __truediv__(self, name: str) -> Path:
        assert self.path is not None
        return self.path / name

    def __enter__(self) -> Self:
        if self.path is None:
            return self
        path = self.path
        if path.exists() and not path.is_dir():
            raise InputError(f"output {path} is a file; give a folder")
        self._made = [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
            self._lock = FolderLock(path)
            self._lock.acquire()
        except OSError as error:
            self._remove_if_made()
            raise InputError(f"cannot write to output folder {path}: {error.strerror or error}") from error
        try:
            if self._overwrite or self.resume:
                self._remove_leftovers()
            elif self._holds_files():
                raise InputError(f"output folder {path} is not empty; choose another with --output, or --overwrite it")
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.path is None:
            return
        there = self.path.is_dir()
        self._lock.release()
        if kind is not None:
            self._remove_if_made()
        if isinstance(error, OSError):
            if self.begun and not there:
                raise InputError(f"output folder {self.path} was removed or renamed during the run") from error
            if self.begun and error.errno in NO_ROOM and not isinstance(error, OutOfRoom):
                what = f"{error.strerror} while writing; what was done is kept: {self._way_on}"
                raise OutOfRoom(error.errno, what, error.filename or os.fspath(self.path)) from error

    def begin(
        self,
        workflow: str,
        settings: Settings,
        calculator: BaseCalculator,
        atoms: Atoms | None,
        **more: Any,
    ) -> None:
        """Accept the input: remove what is overwritten, or make sure that the run which goes on is the same.

        Args:
            workflow: name of its command.
            settings: of the run; what decides its numbers must be the same.
            calculator: that computes. One that cannot be told from others by what it says of itself is asked for the
                energy and the forces of the start, once, and must give the same again.
            atoms: where the run starts; None for a run over many structures, which are looked at one by one.
            **more: what else must be the same, in plain types.

        Raises:
            InputError: the folder holds another run; the message says what is different.
        """
        if self.path is None:
            self.begun = True
            return
        run = {"workflow": workflow} | identity_of(calculator) | settings.identity() | more
        if atoms is not None:
            run |= {"pbc": atoms.pbc.tolist(), "constraints": constraints_of(atoms)}
            run["structure"] = structure_digest(atoms)
            if not is_known(calculator):
                run["probe"] = probe(calculator, atoms)
        run = json.loads(json.dumps(run))
        self._make_room()
        before = self._read_run() if self.resume else None
        if before is None:
            write_json(self / RUN, run)
        else:
            self._require_same(before, run)
        self.begun = True

    def require_there(self) -> None:
        """Make sure that nobody has taken the folder away, before a subfolder is made.

        Raises:
            FileNotFoundError: it is gone.
        """
        if self.path is not None and not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(self.path))

    def go_on(self) -> None:
        """Withdraw the result of a run that is about to become longer than what the result is about."""
        if self.path is not None:
            for name in (REPORT, RESULT):
                (self / name).unlink(missing_ok=True)

    def accept(self) -> None:
        """Accept the input of a run that has no ``run.json``: what is overwritten is removed now."""
        if self.path is not None:
            self._make_room()
        self.begun = True

    def finish(self, result: Result, calculator: BaseCalculator | None, **more: Any) -> None:
        """Write ``result.json``, after everything else.

        Args:
            result: of the run.
            calculator: that computed it, or that it made; None where there is none.
            **more: entries beside those of the result.
        """
        if self.path is not None:
            made_with = {} if calculator is None else provenance(calculator)
            (self / REPORT).unlink(missing_ok=True)  # of an earlier result
            write_json(self / RESULT, result.to_json() | more | made_with)

    def _holds_files(self) -> bool:
        assert self.path is not None
        return any(entry.name != LOCK for entry in self.path.iterdir())

    def _read_run(self) -> dict[str, Any] | None:
        """What the run in the folder is; None where there is none yet."""
        try:
            before = json.loads((self / RUN).read_text("utf-8"))
        except FileNotFoundError:
            if self._earlier():
                raise InputError(
                    f"{self.path} has results but no {RUN} that says of what; start anew with --overwrite"
                ) from None
            return None
        except (OSError, ValueError):
            before = None
        if not isinstance(before, dict):
            raise InputError(f"{self / RUN} is damaged, so the run cannot go on; start anew with --overwrite")
        return before

    def _require_same(self, before: dict[str, Any], run: dict[str, Any]) -> None:
        if before.get("workflow", run["workflow"]) != run["workflow"]:
            raise InputError(f"{self.path} holds a run of {before['workflow']}; choose another folder")
        if before.get("structure", run.get("structure")) != run.get("structure"):
            raise InputError(f"the run in {self.path} began with another structure; choose another output folder")
        changed = [key for key in run if key != "probe" and run[key] != before.get(key)]
        if changed:
            what = ", ".join(f"{key} {_was(key)} {_shown(before.get(key))}" for key in changed)
            raise InputError(f"cannot resume the run in {self.path}: {what}; keep to that, or choose another folder")
        if not _alike(before.get("probe"), run.get("probe")):
            raise InputError(
                f"the calculator computes other numbers than the one that began the run in {self.path}: "
                "resume with that one, or choose another output folder"
            )

    def _earlier(self) -> list[Path]:
        """What earlier runs of this workflow have left."""
        assert self.path is not None
        return [path for pattern in self._leaves for path in self.path.glob(pattern) if path.is_file()]

    def _make_room(self) -> None:
        """Remove what an earlier run has left, if it is to be overwritten, and subfolders that are empty then."""
        if not self._overwrite:
            return
        found = self._earlier()
        for path in found:
            path.unlink()
        for parent in sorted({path.parent for path in found} - {self.path}, reverse=True):
            if not any(parent.iterdir()):
                parent.rmdir()

    def _remove_leftovers(self) -> None:
        """Remove what killed runs were writing: nobody else is, as the folder is locked."""
        assert self.path is not None
        for path in [path for path in self.path.rglob(".*") if is_leftover(path)]:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _remove_if_made(self) -> None:
        """Remove the folders made for this run, from the innermost on, as long as they are empty."""
        for folder in self._made:
            if not folder.is_dir() or any(folder.iterdir()):
                return
            folder.rmdir()


def _alike(before: dict[str, float] | None, now: dict[str, float] | None) -> bool:
    if before is None or now is None:
        return before is now
    return all(abs(before[name] - now[name]) <= SAME_PROBE * max(abs(before[name]), 1e-3) for name in now)


def _was(key: str) -> str:
    return "were" if key.endswith("s") and not key.endswith("ss") else "was"


def _shown(value: Any) -> Any:
    """A model by its name, or its calculator's where it has none; long lists cut short; other settings as they are."""
    if isinstance(value, dict) and "calculator" in value:
        return value.get("name", value["calculator"])
    return shorten(str(value), 60, placeholder=" …") if isinstance(value, list | dict) else value
