"""Relaxations of an adsorption run, each kept on disk as soon as it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator

from equical.workflows.common.evaluations import Evaluations
from equical.workflows.relax import relax

__all__ = ["CalculationError", "Relaxed", "Relaxer"]


class CalculationError(Exception):
    """The calculator could not do a structure; the message is its complaint."""


@dataclass(frozen=True)
class Relaxed:
    """A relaxed structure.

    Attributes:
        atoms: with energy and forces attached.
        energy: eV.
        max_force: eV/Å, largest force left.
        steps: optimizer steps taken.
        converged: whether forces fell below the threshold.
    """

    atoms: Atoms
    energy: float
    max_force: float
    steps: int
    converged: bool


class Relaxer:
    """Relaxes structures with one calculator, or reads how an interrupted run relaxed them."""

    def __init__(self, calculator: BaseCalculator, store: Evaluations, fmax: float, steps: int) -> None:
        """Relax to ``fmax`` eV/Å in at most ``steps`` steps."""
        self._calculator, self._store, self._fmax, self._steps = calculator, store, fmax, steps

    def __call__(self, name: str, atoms: Atoms, **options: Any) -> Relaxed:
        """Relax a structure.

        Args:
            name: unique in the run.
            atoms: start; constraints are kept.
            options: of :func:`equical.relax`.

        Raises:
            CalculationError: the calculator raised an exception, or returned no finite numbers.
            InputError: an interrupted run has stored something else under this name.
        """
        stored = self._store.get(name, atoms, lambda start: self._relax(start, options))
        relaxed = atoms.copy()
        relaxed.set_constraint()
        relaxed.set_cell(stored["cell"])
        relaxed.positions = stored["positions"]
        relaxed.set_constraint(atoms.constraints)
        energy = float(stored["energy"])
        relaxed.calc = SinglePointCalculator(relaxed, energy=energy, forces=stored["forces"])
        return Relaxed(relaxed, energy, float(stored["max_force"]), int(stored["steps"]), bool(stored["converged"]))

    def _relax(self, start: Atoms, options: dict[str, Any]) -> dict[str, Any]:
        try:
            result = relax(start, self._calculator, **{"fmax": self._fmax, "steps": self._steps} | options)
            forces = result.atoms.get_forces(apply_constraint=False)
        except Exception as error:  # calculators raise what they like
            raise CalculationError(" ".join(str(error).split()) or type(error).__name__) from error
        return {
            "positions": result.atoms.positions,
            "cell": result.atoms.cell[:],
            "energy": result.energy,
            "forces": forces,
            "max_force": result.max_force,
            "steps": result.steps,
            "converged": np.bool_(result.converged),
        }
