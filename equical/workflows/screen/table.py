"""Tables of what to screen: CSV with a header, YAML, or a list of mappings."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from ase import Atoms

from equical.errors import InputError

__all__ = ["COLUMNS", "Line", "read_table"]

COLUMNS = (
    "bulk", "slab", "prototype", "facets", "adsorbates", "layers", "size", "vacuum", "termination", "freeze",
    "keep_bulk", "reference", "binding_atom",
)  # fmt: skip
"""What a line may say; of ``bulk`` and ``slab`` exactly one, and ``adsorbates`` always."""


@dataclass(frozen=True)
class Line:
    """One line of a table: its cells, those that are empty left out.

    Attributes:
        where: as an error shall name it, such as ``"line 7"``.
        cells: by column. Text, or what YAML and Python have: numbers, lists, structures.
        folder: that the paths in it start from.
        unreadable: why it has no cells, where it has none.
    """

    where: str
    cells: Mapping[str, Any] = field(repr=False)
    folder: Path = Path()
    unreadable: str | None = None

    def check(self) -> None:
        """Refuse a line without cells, and cells that nothing would be done with.

        Raises:
            InputError: says what is wrong.
        """
        if self.unreadable:
            raise InputError(self.unreadable)
        unknown = [name for name in self.cells if name not in COLUMNS]
        if unknown:
            raise InputError(f"there is no column {unknown[0]!r}: use {', '.join(COLUMNS)}")

    def several(self, column: str, *, spaced: bool = False) -> list[Any]:
        """The items of a list, or of text between semicolons; ``spaced``: or else between spaces."""
        value = self.cells.get(column)
        if isinstance(value, str):
            apart = value.split() if spaced and ";" not in value else value.split(";")
            return [item.strip() for item in apart if item.strip()]
        if isinstance(value, Sequence):
            return list(value)
        return [] if value is None else [value]

    def text(self, column: str) -> str | None:
        """One word or a sum of words."""
        value = self.cells.get(column)
        return None if value is None else str(value).strip()

    def whole(self, column: str) -> int | None:
        """One whole number.

        Raises:
            InputError: it is none.
        """
        value = self.cells.get(column)
        return None if value is None else _whole(value, column)

    def whole_numbers(self, column: str) -> list[int]:
        """Several of them.

        Raises:
            InputError: one is none.
        """
        return [_whole(value, column) for value in self.several(column, spaced=True)]

    def number(self, column: str) -> float | None:
        """One number.

        Raises:
            InputError: it is none.
        """
        value = self.cells.get(column)
        try:
            return None if value is None else float(value)
        except (TypeError, ValueError):
            raise InputError(f"{column} must be a number, not {value!r}") from None

    def truth(self, column: str) -> bool:
        """Yes or no; no where the cell is empty.

        Raises:
            InputError: it is neither.
        """
        value = str(self.cells.get(column, "no")).strip().lower()
        if value not in ("yes", "no", "true", "false", "1", "0"):
            raise InputError(f"{column} must be yes or no, not {self.cells[column]!r}")
        return value in ("yes", "true", "1")

    def facets(self) -> list[tuple[int, ...]]:
        """Miller indices, such as ``1 1 1; 1 0 0``, ``111;100`` or ``[[1, 1, 1], [1, 0, 0]]``; (1 1 1) by default.

        Raises:
            InputError: not three or four of them.
        """
        given = self.several("facets")
        if given and all(isinstance(item, int) and abs(item) < 10 for item in given):
            given = [given]  # one facet as a plain list
        return [_indices(item) for item in given] or [(1, 1, 1)]

    def size(self) -> tuple[int, int]:
        """Repetitions of the surface cell, such as ``2x2``; 3 × 3 by default.

        Raises:
            InputError: not two whole numbers.
        """
        value = self.cells.get("size", "3x3")
        found = re.findall(r"\d+", str(value))
        if len(found) != 2:
            raise InputError(f"size must be such as 3x3, not {value!r}")
        return int(found[0]), int(found[1])

    def path_or_name(self, value: Any) -> Any:
        """A structure as it is, a file by its path, a name as it is."""
        if isinstance(value, Atoms):
            return value
        text = str(value).strip()
        beside = self.folder / text
        return beside if Path(text).suffix not in ("", ".") and beside.is_file() else text


def _whole(value: Any, column: str) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value).strip()):
        raise InputError(f"{column} must be a whole number, not {value!r}")
    return int(value)


def _indices(value: Any) -> tuple[int, ...]:
    """``"1 1 1"``, ``"111"``, ``"(1 0 -1)"``, ``111`` or ``[1, 1, 1]``."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = " ".join(str(item) for item in value)
    else:
        text = str(value).strip(" ()[]")
    apart = re.split(r"[\s,]+", text)
    found = apart if len(apart) > 1 else re.findall(r"-?\d", text) if re.fullmatch(r"(-?\d)+", text) else [text]
    if len(found) not in (3, 4) or not all(re.fullmatch(r"-?\d+", index) for index in found):
        raise InputError(f"a facet has three or four Miller indices, such as 1 1 1, not {value!r}")
    return tuple(map(int, found))


def read_table(table: str | PathLike[str] | Sequence[Mapping[str, Any]]) -> list[Line]:
    """The lines of a table, not yet looked into.

    Args:
        table: a file (``.yaml``, ``.yml``, else CSV), or mappings with the same columns, which may hold structures.

    Raises:
        InputError: the table as a whole cannot be read, has columns that there are not, or no lines.
    """
    if isinstance(table, str | PathLike):
        path = Path(table)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise InputError(f"cannot read the table {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"the table {path} is no text in UTF-8") from error
        read = _yaml_lines if path.suffix.lower() in (".yaml", ".yml") else _csv_lines
        lines = list(read(text, path))
        if not lines:
            raise InputError(f"the table {path} has no lines that say what to screen")
        return lines
    entries: list[Any] = list(table) if isinstance(table, Sequence) else []
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise InputError("give a table as a file, or as a list of mappings such as {'bulk': 'Pt', 'adsorbates': 'O'}")
    return [Line(f"entry {number}", _filled(entry)) for number, entry in enumerate(entries, start=1)]


def _filled(cells: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(name): value for name, value in cells.items() if value is not None and (not isinstance(value, str) or value)
    }


def _csv_lines(text: str, path: Path) -> Iterator[Line]:
    reader = csv.reader(text.splitlines(keepends=True), skipinitialspace=True)
    header: list[str] = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if not header:
                header = [cell.lower() for cell in cells]
                unknown = [name for name in header if name not in COLUMNS]
                if unknown:
                    raise InputError(
                        f"the table {path} has a column {unknown[0]!r}: its first line names columns out of "
                        f"{', '.join(COLUMNS)}"
                    )
                continue
            surplus = (
                f"it has {len(cells)} cells, and the header {len(header)}; several values of a cell stand between ;"
            )
            named = _filled(dict(zip(header, cells, strict=False)))
            yield Line(f"line {reader.line_num}", named, path.parent, surplus if len(cells) > len(header) else None)
    except csv.Error as error:
        raise InputError(f"the table {path} is no CSV: line {reader.line_num}: {error}") from error


def _yaml_lines(text: str, path: Path) -> Iterator[Line]:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.SequenceNode):
            raise InputError(f"the table {path} must be a list, each item with bulk or slab, facets and adsorbates")
        for node in root.value:
            where = f"line {node.start_mark.line + 1}"
            try:
                item = loader.construct_document(node)
            except (ValueError, TypeError, yaml.YAMLError) as error:
                yield Line(where, {}, path.parent, " ".join(str(error).split())[:200])
                continue
            if isinstance(item, dict):
                yield Line(where, _filled(item), path.parent)
            else:
                yield Line(
                    where, {}, path.parent, f"it is {item!r}, and no mapping such as {{bulk: Pt, adsorbates: O}}"
                )
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"the table {path} is not readable as YAML: {' '.join(str(error).split())[:300]}") from error
    finally:
        loader.dispose()
