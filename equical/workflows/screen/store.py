"""The database of a screening: every calculation with its start, and its end where it has one, in one file of ASE's.

A row is a relaxation (``kind`` ``bulk``, ``gas``, ``slab`` or ``adsorption``) that is ``open``, ``done`` or ``failed``.
It is written before its calculation is handed out, and again, in one transaction, when that has come back; so whatever
dies, and whenever, the file says what there is to do. One process writes it, others may read it meanwhile::

    ase db screen.db kind=adsorption,anomalies=none -c surface,adsorbate,configuration,adsorption_energy
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.db import connect
from ase.db.core import AtomsRow
from ase.db.core import now as years_since_2000

from equical.errors import InputError
from equical.files import atomic_path

__all__ = ["DATABASE", "Row", "Store", "read_rows"]

DATABASE = "screen.db"
"""Name of the file."""

SECONDS = 31557600.0
"""In one of the years that ASE counts time in."""


@dataclass(frozen=True)
class Row:
    """One calculation.

    Attributes:
        task: its key, see :mod:`.plan`.
        kind: ``"bulk"``, ``"gas"``, ``"slab"`` or ``"adsorption"``.
        atoms: relaxed, with energy and forces; the start of one that is open or failed.
        status: ``"open"``, ``"done"`` or ``"failed"``.
        values: whatever else is told about it, text and numbers by name.
        pair: of an adsorption, the key of surface and adsorbate.
        notes: on the model system, each one line.
        age: s since it was written; 0 for one that was not read from a file.
        id: in the database.
    """

    task: str
    kind: str
    atoms: Atoms = field(repr=False)
    status: str = "open"
    values: Mapping[str, Any] = field(default_factory=dict)
    pair: str = ""
    notes: tuple[str, ...] = ()
    age: float = 0.0
    id: int | None = None

    @property
    def name(self) -> str:
        """What it is, for people."""
        values = self.values
        if self.kind != "adsorption":
            return f"{self.kind} {values.get('surface') or values.get('molecule') or values.get('crystal')}"
        place = f", {values['configuration']}" if values.get("configuration") else ""
        return f"{values['adsorbate']} on {values['surface']}{place}"


class Store:
    """Rows by task, in memory and on disk."""

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        """Open a database, or make it.

        Args:
            path: of the file.
            run: what decides the numbers in it; that of a database which exists must be the same.

        Raises:
            InputError: it is no such database, that of another run, or cannot be written.
        """
        self._path = path
        with _troubles_told(path):
            if not path.exists():
                _make(path, run)
            self._database = connect(path, type="db", use_lock_file=False)  # a lock file would outlive a kill
            with self._database:
                found = self._database.metadata.get("equical_screen")
                if found != run:
                    raise InputError(_difference(path, found, run))
                rows = [_read(row) for row in self._database.select()]
        self.rows = {row.task: row for row in rows}

    def write(self, *rows: Row) -> None:
        """Keep rows, all of them or none; each replaces the one of the same task."""
        kept = {}
        with _troubles_told(self._path), self._database:
            for row in rows:
                before = self.rows.get(row.task)
                pairs = {"task": row.task, "kind": row.kind, "status": row.status, "pair": row.pair or "none"}
                values = {name: _storable(value) for name, value in row.values.items()}
                written = self._database.write(
                    row.atoms, pairs | values, data={"notes": list(row.notes)}, id=before.id if before else None
                )
                kept[row.task] = replace(row, id=written)
        self.rows |= kept

    def forget(self, row: Row) -> None:
        """Remove a row."""
        with _troubles_told(self._path), self._database:
            self._database.delete([row.id])
        del self.rows[row.task]

    def remember(self, **numbers: float) -> None:
        """Keep what :func:`read_rows` shall return beside the rows."""
        with _troubles_told(self._path), self._database:
            self._database.metadata = self._database.metadata | numbers


def read_rows(path: Path) -> tuple[list[Row], dict[str, Any]]:
    """The rows of a database that a run may be writing at the same time, and what is kept beside them.

    Raises:
        InputError: there is no such database, or it is none of a screening.
    """
    if not path.is_file():
        raise InputError(f"{path.parent} is no folder of a screening: it has no {path.name}")
    with _troubles_told(path):
        if not _is_made(path):
            raise InputError(f"{path} is no database of a screening")
        database = connect(path, type="db", use_lock_file=False)
        with database:
            beside = database.metadata
            if "equical_screen" not in beside:
                raise InputError(f"{path} is no database of a screening")
            return [_read(row) for row in database.select()], beside


def _make(path: Path, run: Mapping[str, Any]) -> None:
    """Make a database whole or not at all: ASE makes it table by table, and cannot use one that lacks some of them."""
    with atomic_path(path) as temporary, connect(temporary, type="db", use_lock_file=False) as database:
        database.metadata = {"equical_screen": run}


def _is_made(path: Path) -> bool:
    """Whether whoever makes a database is done with it: ASE makes what it misses, and would get in its way."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT 1 FROM information WHERE name = 'metadata'").fetchone() is not None
        except sqlite3.OperationalError:
            return False


def _read(row: AtomsRow) -> Row:
    values = dict(row.key_value_pairs)
    task, kind, status, pair = (values.pop(name) for name in ("task", "kind", "status", "pair"))
    atoms = row.toatoms()
    atoms.info.clear()
    age = (years_since_2000() - row.mtime) * SECONDS
    notes = tuple(row.data.get("notes", ()))
    return Row(task, kind, atoms, status, values, "" if pair == "none" else pair, notes, age, row.id)


def _storable(value: Any) -> Any:
    """What ASE accepts: it refuses text that could be taken for a number, such as the reason ``"3"``."""
    if not isinstance(value, str):
        return value
    try:
        float(value)
    except ValueError:
        return value if value not in ("True", "False") else f"{value} "
    return f"{value}:"


def _difference(path: Path, found: Any, run: Mapping[str, Any]) -> str:
    if not isinstance(found, Mapping):
        return f"{path} is no database of a screening: choose another folder, or --overwrite this one"
    changed = [name for name in run if found.get(name) != run[name]]
    what = ", ".join(f"{name} was {found.get(name)}" for name in changed)
    return f"{path} is the database of another run ({what}): keep to that, or choose another folder"


@contextmanager
def _troubles_told(path: Path) -> Iterator[None]:
    """Turn what SQLite complains of into one line."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise InputError(
            f"cannot use the database {path}: {error}; what was finished before is kept: make room or see who uses it, "
            "and go on with --resume"
        ) from error
    except (sqlite3.DatabaseError, KeyError) as error:
        raise InputError(f"{path} is damaged, or no database of a screening: {error}") from error
