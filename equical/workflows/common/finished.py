"""A run that is over, as its folder tells it: what a page about it is made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equical.errors import InputError
from equical.html import Column, Fact, Image, Link, Page, Structure, Table
from equical.structures import read_structures
from equical.workflows.common.folder import RESULT, RUN

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["FinishedRun"]

PNG = b"\x89PNG\r\n\x1a\n"
"""What such a file begins with."""

MOST_FRAMES = 200
"""Of a trajectory on a page: more of them no one looks at."""

MOST_POSITIONS = 100_000
"""Of atoms in all frames of a trajectory on a page, some two megabytes."""

NO_SETTINGS = frozenset(
    {"workflow", "model", "parameters", "pbc", "constraints", "structure", "probe", "path", "final"}
)
"""What a run is told apart by, beside its settings."""


@dataclass(frozen=True)
class FinishedRun:
    """What a run has left in its folder.

    Attributes:
        path: of the folder.
        workflow: name of its command; None where the folder does not say.
        result: what ``result.json`` holds.
        settings: how it was run.
    """

    path: Path
    workflow: str | None
    result: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> FinishedRun:
        """The run in a folder.

        Raises:
            InputError: the folder is missing, holds no result of a run, or one that is damaged.
        """
        path = Path(path)
        if not path.is_dir():
            raise InputError(f"{path} is no folder; give the one that a run has left its results in")
        result = _read(path / RESULT)
        if result is None:
            raise InputError(f"there is no {RESULT} in {path}: the run is not over, or it is no folder of one")
        if "converged" not in result:
            raise InputError(f"{path / RESULT} is no result of a run of equical")
        run = _read(path / RUN) or {}
        told = {name: value for name, value in run.items() if name not in NO_SETTINGS}
        workflow = run.get("workflow")
        return cls(path, workflow if isinstance(workflow, str) else None, result, result.get("settings") or told)

    def fact(self, name: str, label: str = "", link: Link | str | None = None) -> Fact:
        """An entry of the result with its unit.

        Args:
            name: of the entry; dots lead to those within others.
            label: what to call it; by default its name.
            link: a structure that belongs to it.
        """
        value: Any = self.result
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        last = name.rsplit(".", 1)[-1]
        unit, note = self.unit(last)
        return Fact(label or last.replace("_", " "), value if _is_plain(value) else str(value), unit, link, note)

    def facts(self, *names: str) -> list[Fact]:
        """Those of the entries that the result has, and that are not null."""
        return [fact for fact in map(self.fact, names) if fact.value is not None]

    def column(self, name: str, label: str = "", decimals: int | None = None) -> Column:
        """A column for an entry of the result that is a list."""
        unit, note = self.unit(name)
        return Column(label or name.replace("_", " "), unit, decimals, note)

    def unit(self, name: str) -> tuple[str, str]:
        """Unit of an entry, and what else is said about it; both are empty for pure numbers."""
        unit, _, note = self.result.get("units", {}).get(name, "").replace(";", ",").partition(", ")
        return ("" if unit == "1" else unit), note

    def structures(self, name: str) -> list[Atoms]:
        """Structures in a file of the run; none where it has left no such file."""
        path = self.path / name
        return read_structures(path) if path.is_file() else []

    def trajectory(self, name: str) -> tuple[list[int], list[Atoms]]:
        """Frames of a trajectory whose number of atoms stays the same, so many as one looks at on a page.

        Returns:
            Numbers of the frames, counted from 0, the last one included; and the frames.
        """
        from ase.io import read

        path = self.path / name
        if not path.is_file():
            return [], []
        with path.open(encoding="utf-8") as file:
            size = int(file.readline())
            count = (1 + sum(1 for _ in file)) // (size + 2)
        step = ceil(count / max(2, min(MOST_FRAMES, MOST_POSITIONS // size)))
        numbers = list(range(count - 1, -1, -step))[::-1]
        return numbers, read(path, index=slice(numbers[0], count, step), format="extxyz")

    def images(self) -> list[Image]:
        """Pictures in the folder."""
        found = [(path.stem.replace("_", " "), path.read_bytes()) for path in sorted(self.path.glob("*.png"))]
        return [Image(title, png) for title, png in found if png.startswith(PNG)]

    def page(
        self,
        title: str,
        *,
        facts: Iterable[Fact] = (),
        tables: Iterable[Table] = (),
        structures: Sequence[Structure] = (),
        first: Link | str | None = None,
    ) -> Page:
        """The page with what every run has to say beside: verdict, warnings, pictures, settings and provenance."""
        converged = bool(self.result["converged"])
        return Page(
            title,
            self._model(),
            converged,
            "converged" if converged else "not converged",
            facts=list(facts),
            warnings=[str(warning) for warning in self.result.get("warnings", [])],
            tables=[*tables, *self._settings()],
            images=self.images(),
            structures=structures,
            first=first,
            footer=self._footer(),
        )

    def _model(self) -> str:
        model = self.result.get("model", {})
        name, dtype = model.get("name") or model.get("calculator"), self.result.get("dtype")
        return ", ".join(str(part) for part in (name, dtype) if part)

    def _settings(self) -> list[Table]:
        rows = [(name.replace("_", " "), _shown(value), self.unit(name)[0]) for name, value in self.settings.items()]
        return (
            [Table("Settings", [Column("setting"), Column("value"), Column("unit")], rows, folded=True)] if rows else []
        )

    def _footer(self) -> list[str]:
        versions = ", ".join(f"{name} {version}" for name, version in self.result.get("versions", {}).items())
        sha256, seconds = self.result.get("model", {}).get("sha256"), self.result.get("wall_time_s")
        lines = [
            versions and f"Made with {versions}",
            sha256 and f"Weights of the model: SHA-256 {sha256}",
            isinstance(seconds, float | int) and f"The run took {seconds:.4g} s",
        ]
        return [line for line in lines if line]


def _read(path: Path) -> dict[str, Any] | None:
    """A mapping in a JSON file; None where there is no such file."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        data = None
    if not isinstance(data, dict):
        raise InputError(f"{path} is damaged: it holds no JSON object")
    return data


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return "–" if value is None else str(value)
