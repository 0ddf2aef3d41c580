"""How far predictions are from their labels, in numbers whose names carry their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

__all__ = ["ERROR_UNITS", "Comparison", "error_summary", "errors_by_element", "errors_by_group"]

ERROR_UNITS = {
    "energy_mae_meV_per_atom": "meV/atom",
    "energy_rmse_meV_per_atom": "meV/atom",
    "forces_mae_meV_per_A": "meV/Å",
    "forces_rmse_meV_per_A": "meV/Å",
    "forces_cosine": "1",
    "stress_mae_meV_per_A3": "meV/Å³",
    "stress_rmse_meV_per_A3": "meV/Å³",
}
"""Of everything in :func:`error_summary`."""


@dataclass(frozen=True)
class Comparison:
    """Labels beside predictions for N atoms in B structures.

    Attributes:
        atoms: ``[B]`` number of atoms.
        energy, energy_label: ``[B]`` eV.
        group: ``[B]`` data set of each structure.
        numbers: ``[N]`` atomic numbers.
        forces, forces_label: ``[N, 3]`` eV/Å.
        scored: ``[N]`` bool, atoms whose forces count.
        stress, stress_label: ``[S, 3, 3]`` eV/Å³ of the S structures that have a stress label.
        stress_group: ``[S]`` data set of each of them.
    """

    atoms: np.ndarray
    energy: np.ndarray
    energy_label: np.ndarray
    group: np.ndarray
    numbers: np.ndarray
    forces: np.ndarray
    forces_label: np.ndarray
    scored: np.ndarray
    stress: np.ndarray
    stress_label: np.ndarray
    stress_group: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[Comparison]) -> Comparison:
        """Several comparisons as one."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def of_group(self, group: str) -> Comparison:
        """Only the structures of one data set."""
        structures, stresses = self.group == group, self.stress_group == group
        atoms = np.repeat(structures, self.atoms)
        chosen = {"numbers": atoms, "forces": atoms, "forces_label": atoms, "scored": atoms}
        chosen |= {"stress": stresses, "stress_label": stresses, "stress_group": stresses}
        return Comparison(**{f.name: getattr(self, f.name)[chosen.get(f.name, structures)] for f in fields(self)})


def error_summary(comparison: Comparison) -> dict[str, float]:
    """MAE and RMSE of energy per atom, force components and stress components; cosine between forces.

    Quantities without a label are left out.
    """
    energy = 1000 * (comparison.energy - comparison.energy_label) / comparison.atoms
    result = {"energy_mae_meV_per_atom": _mae(energy), "energy_rmse_meV_per_atom": _rmse(energy)}
    if comparison.scored.any():
        forces, labels = comparison.forces[comparison.scored], comparison.forces_label[comparison.scored]
        difference = 1000 * (forces - labels)
        result["forces_mae_meV_per_A"] = _mae(difference)
        result["forces_rmse_meV_per_A"] = _rmse(difference)
        result["forces_cosine"] = _cosine(forces, labels)
    if len(comparison.stress):
        difference = 1000 * (comparison.stress - comparison.stress_label)
        result["stress_mae_meV_per_A3"] = _mae(difference)
        result["stress_rmse_meV_per_A3"] = _rmse(difference)
    return result


def errors_by_group(comparison: Comparison) -> dict[str, dict[str, float]]:
    """:func:`error_summary` of each data set."""
    return {str(group): error_summary(comparison.of_group(group)) for group in np.unique(comparison.group)}


def errors_by_element(comparison: Comparison) -> dict[str, dict[str, float]]:
    """MAE and RMSE of force components on the atoms of each element."""
    from ase.data import chemical_symbols

    result = {}
    for number in np.unique(comparison.numbers[comparison.scored]):
        chosen = comparison.scored & (comparison.numbers == number)
        difference = 1000 * (comparison.forces[chosen] - comparison.forces_label[chosen])
        values = {"forces_mae_meV_per_A": _mae(difference), "forces_rmse_meV_per_A": _rmse(difference)}
        result[chemical_symbols[number]] = values | {"atoms": int(chosen.sum())}
    return result


def _mae(difference: np.ndarray) -> float:
    return float(np.abs(difference).mean())


def _rmse(difference: np.ndarray) -> float:
    return float(np.sqrt(np.square(difference).mean()))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Mean cosine of the angle between vectors, over pairs that are both longer than 1 meV/Å."""
    lengths = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    long = (lengths[0] > 1e-3) & (lengths[1] > 1e-3)
    if not long.any():
        return float("nan")
    return float(((a * b).sum(axis=1)[long] / (lengths[0] * lengths[1])[long]).mean())
