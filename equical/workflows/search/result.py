"""What a search has found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ase import Atoms

from equical.workflows.common.result import Result
from equical.workflows.search.composition import formula_of, reduced
from equical.workflows.search.settings import SearchSettings

__all__ = ["Found", "SearchResult"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """A structure that was found.

    Attributes:
        atoms: as relaxed, with energy, forces and stress attached.
        numbers: of the random structures that came to it, the lowest first.
        energy_per_atom: eV.
        above_lowest: eV/atom above the lowest structure of the same composition.
        above_hull: eV/atom above the lowest mixture of all that were found.
        formation_energy: eV/atom, relative to the pure elements that were found; None where one of them was not.
        space_group: symbol and number, to within 0.1 Å.
        converged: whether its forces and stress fell below their thresholds.
        outside: why it lies outside what the model knows; None where it does not, or the calculator does not tell.
    """

    atoms: Atoms = field(repr=False)
    numbers: tuple[int, ...]
    energy_per_atom: float
    above_lowest: float
    above_hull: float
    formation_energy: float | None
    space_group: str | None
    converged: bool
    outside: str | None = None

    @property
    def formula(self) -> str:
        """Of one formula unit."""
        return formula_of(reduced(self.atoms.symbols.formula.count()))

    @property
    def volume_per_atom(self) -> float:
        """Å³."""
        return float(self.atoms.cell.volume) / len(self.atoms)

    def summary(self) -> dict[str, Any]:
        """The same in plain types, without the structure."""
        return {
            "formula": self.formula,
            "num_atoms": len(self.atoms),
            "energy_per_atom": self.energy_per_atom,
            "above_lowest": self.above_lowest,
            "above_hull": self.above_hull,
            "formation_energy": self.formation_energy,
            "volume_per_atom": self.volume_per_atom,
            "space_group": self.space_group,
            "converged": self.converged,
            "outside": self.outside,
            "times_found": len(self.numbers),
            "numbers": list(self.numbers),
        }


@dataclass(frozen=True, kw_only=True)
class SearchResult(Result):
    """Outcome of a search.

    Attributes:
        found: distinct structures, ranked by height above the hull: for one compound by energy per atom.
        failures: why random structures came to nothing, by their numbers.
        dropped: numbers of those that lay above the window after rough relaxation.
        settings: what was searched for.
        converged: whether the lowest structure of every composition has converged.
        warnings, wall_time, output: see :class:`.Result`.
    """

    found: tuple[Found, ...]
    failures: Mapping[int, str] = field(repr=False)
    dropped: tuple[int, ...] = field(repr=False)
    settings: SearchSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "energy_per_atom": "eV/atom",
        "above_lowest": "eV/atom, above the lowest of the composition",
        "above_hull": "eV/atom, above the convex hull of what was found",
        "formation_energy": "eV/atom, relative to the pure elements that were found",
        "volume_per_atom": "Å³/atom",
        "volume": "Å³/atom",
        "distances": "Å",
        "window": "eV/atom",
        "fmax": "eV/Å",
        "smax": "GPa",
    }

    @property
    def best(self) -> Found:
        """The first of those found."""
        return self.found[0]

    @property
    def formulas(self) -> list[str]:
        """Of the compositions found, by the alphabet."""
        return sorted({one.formula for one in self.found})

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "composition": self.settings.composition,
            "num_structures": self.settings.structures,
            "num_failed": len(self.failures),
            "num_dropped": len(self.dropped),
            "num_distinct": len(self.found),
            "found": [one.summary() for one in self.found],
            "failures": {str(number): reason for number, reason in self.failures.items()},
            "settings": self.settings.to_json(),
        }
