"""What a relaxation came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.relax.settings import RelaxSettings

__all__ = ["RelaxFailure", "RelaxManyResult", "RelaxResult"]


@dataclass(frozen=True, kw_only=True)
class RelaxResult(Result):
    """Outcome of one relaxation.

    Attributes:
        atoms: the final structure with its energy and forces (and stress where the cell was relaxed) attached.
        converged: whether forces, and stress where the cell was relaxed, fell below their thresholds.
        steps: optimizer steps taken, those before a resumed run included.
        energies: ``[steps + 1]`` eV, before the first and after each step.
        enthalpies: ``[steps + 1]`` eV, energy + pressure · volume: what is minimised.
        max_forces: ``[steps + 1]`` eV/Å, largest force on an atom, constraints applied.
        max_stresses: ``[steps + 1]`` GPa, largest deviation of the stress from its target; None for a fixed cell.
        space_group_before: symbol and number found at the start; None unless periodic in three directions.
        space_group_after: the same at the end.
        settings: how it was relaxed.
        warnings, wall_time, output: see :class:`.Result`.
    """

    atoms: Atoms = field(repr=False)
    energies: NDArray[np.float64] = field(repr=False)
    enthalpies: NDArray[np.float64] = field(repr=False)
    max_forces: NDArray[np.float64] = field(repr=False)
    max_stresses: NDArray[np.float64] | None = field(repr=False)
    space_group_before: str | None
    space_group_after: str | None
    settings: RelaxSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "energy": "eV",
        "energy_per_atom": "eV/atom",
        "initial_energy": "eV",
        "enthalpy": "eV, energy + target pressure · volume",
        "max_force": "eV/Å",
        "max_stress": "GPa, largest deviation from the target",
        "stress": "GPa; xx, yy, zz, yz, xz, xy; negative under compression",
        "pressure": "GPa",
        "volume": "Å³",
        "cell_lengths": "Å",
        "cell_angles": "degree",
        "fmax": "eV/Å",
        "smax": "GPa",
    }

    @property
    def steps(self) -> int:
        return len(self.energies) - 1

    @property
    def energy(self) -> float:
        """eV, of the final structure."""
        return float(self.energies[-1])

    @property
    def max_force(self) -> float:
        """eV/Å, largest force left."""
        return float(self.max_forces[-1])

    @property
    def max_stress(self) -> float | None:
        """GPa, largest deviation of the stress from its target that is left; None for a fixed cell."""
        return None if self.max_stresses is None else float(self.max_stresses[-1])

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        atoms = self.atoms
        numbers: dict[str, Any] = {
            "structure": atoms.get_chemical_formula(),
            "num_atoms": len(atoms),
            "steps": self.steps,
            "energy": self.energy,
            "energy_per_atom": self.energy / len(atoms),
            "initial_energy": self.energies[0],
            "max_force": self.max_force,
            "space_group_before": self.space_group_before,
            "space_group_after": self.space_group_after,
            "settings": self.settings.to_json(),
        }
        if self.max_stresses is not None:
            stress = atoms.get_stress(apply_constraint=False) / units.GPa
            numbers["enthalpy"] = self.enthalpies[-1]
            numbers |= {"max_stress": self.max_stress, "stress": stress, "pressure": -stress[:3].mean()}
        if atoms.cell.rank == 3:
            numbers |= {
                "volume": atoms.cell.volume,
                "cell_lengths": atoms.cell.lengths(),
                "cell_angles": atoms.cell.angles(),
            }
        return numbers


@dataclass(frozen=True)
class RelaxFailure:
    """A structure that could not be relaxed.

    Attributes:
        structure: its chemical formula.
        reason: one line.
    """

    structure: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RelaxManyResult(Result):
    """Outcomes of the relaxations of many structures; a sequence of them, in the order of the structures.

    Attributes:
        outcomes: for each structure its result, or why there is none.
        converged: whether every structure was relaxed and converged.
        warnings, wall_time, output: see :class:`.Result`.
    """

    outcomes: tuple[RelaxResult | RelaxFailure, ...]

    UNITS: ClassVar[Mapping[str, str]] = RelaxResult.UNITS

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, index: int) -> RelaxResult | RelaxFailure:
        return self.outcomes[index]

    @property
    def results(self) -> list[RelaxResult]:
        """Those that were relaxed, in order."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, RelaxResult)]

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        width = len(str(len(self.outcomes) - 1))
        return {
            "num_structures": len(self.outcomes),
            "num_converged": sum(result.converged for result in self.results),
            "num_failed": len(self.outcomes) - len(self.results),
            "structures": [{"folder": f"{n:0{width}d}"} | _summary(one) for n, one in enumerate(self.outcomes)],
        }


def _summary(outcome: RelaxResult | RelaxFailure) -> dict[str, Any]:
    if isinstance(outcome, RelaxFailure):
        return {"structure": outcome.structure, "converged": False, "error": outcome.reason}
    about_run = {"converged": outcome.converged, "warnings": outcome.warnings, "wall_time_s": outcome.wall_time}
    return outcome.numbers() | about_run
