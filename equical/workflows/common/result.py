"""What a run came to: the part that all workflows share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Result"]


@dataclass(frozen=True, kw_only=True)
class Result(ABC):
    """Base of the results of workflows, which are frozen.

    Attributes:
        converged: whether the run came to what it was meant to; commands exit with 2 where it did not.
        warnings: what to bear in mind, each one line; empty where all is well.
        wall_time: s, of this run alone, without what an interrupted run did before.
        output: the folder with the files, or None.
        UNITS: units of the entries of :meth:`numbers`, by name.
    """

    converged: bool
    warnings: tuple[str, ...] = ()
    wall_time: float = 0.0
    output: Path | None = None

    UNITS: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """What the run found, by the names it has in ``result.json``; arrays and dataclasses as they are."""

    def to_json(self) -> dict[str, Any]:
        """Everything but structures: what ``result.json`` holds, apart from where it comes from."""
        numbers = self.numbers()
        units = {name: unit for name, unit in self.UNITS.items() if _has(numbers, name)} | {"wall_time_s": "s"}
        return (
            {"converged": self.converged}
            | numbers
            | {"warnings": list(self.warnings), "wall_time_s": self.wall_time, "units": units}
        )


def _has(value: Any, name: str) -> bool:
    """Whether ``name`` is a key anywhere within."""
    if isinstance(value, Mapping):
        return name in value or any(_has(item, name) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has(item, name) for item in value)
    return hasattr(value, "__dataclass_fields__") and _has(vars(value), name)
