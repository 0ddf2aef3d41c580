"""Relaxations of an adsorption run, each kept on disk as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator

from equical.workflows.common.evaluations import AT_ONCE, Arrays, Evaluations
from equical.workflows.relax import RelaxSettings, relax
from equical.workflows.relax.descent import is_converged
from equical.workflows.relax.together import relax_together

__all__ = ["CalculationError", "Relaxed", "Relaxer"]

Hopeless = Callable[[Atoms], str | None]
"""Of a structure after a step: why it is not worth going on; None where it is."""


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
        stopped: why the relaxation was given up; None where it was not.
    """

    atoms: Atoms
    energy: float
    max_force: float
    steps: int
    converged: bool
    stopped: str | None = None


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
        return _relaxed(atoms, self._store.get(name, atoms, lambda start: self._relax(start, options)))

    def each(
        self, named: Mapping[str, Atoms], hopeless: Callable[[], Hopeless] = lambda: lambda atoms: None
    ) -> Iterator[tuple[str, Relaxed | CalculationError]]:
        """Relax many structures in their cells, two dozen at once where the calculator evaluates batches.

        Args:
            named: starts, by names that are unique in the run; constraints are kept.
            hopeless: makes what is asked after each step of some structures why not to go on with one.

        Returns:
            Names with what came of them, as they are done.

        Raises:
            InputError: an interrupted run has stored something else under one of these names.
        """
        failed: dict[str, CalculationError] = {}
        settings = RelaxSettings(fmax=self._fmax, steps=self._steps)

        def calculate(missing: dict[str, Atoms]) -> Iterator[tuple[str, dict[str, Any]]]:
            names = list(missing)
            at_once = AT_ONCE if hasattr(self._calculator, "batch") else 1
            for first in range(0, len(names), at_once):
                some = names[first : first + at_once]
                starts = [missing[name] for name in some]
                for name, found in zip(
                    some, relax_together(starts, self._calculator, settings, hopeless()), strict=True
                ):
                    if found.last is None:
                        failed[name] = CalculationError(found.failure)
                        continue
                    converged = is_converged(found.last, settings)  # whoever has come to its end needs no hope
                    result = {
                        "positions": found.atoms.positions,
                        "cell": found.atoms.cell[:],
                        "energy": found.last.energy,
                        "forces": found.atoms.get_forces(apply_constraint=False),
                        "max_force": found.last.max_force,
                        "steps": found.steps,
                        "converged": np.bool_(converged),
                    }
                    yield name, result if converged or not found.failure else result | {"stopped": found.failure}

        for name, stored in self._store.get_each(named, calculate):
            yield name, _relaxed(named[name], stored)
        yield from failed.items()

    def write(self) -> None:
        """Keep what was relaxed before the run had begun."""
        self._store.write()

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


def _relaxed(start: Atoms, stored: Arrays) -> Relaxed:
    relaxed = start.copy()
    relaxed.set_constraint()
    relaxed.set_cell(stored["cell"])
    relaxed.positions = stored["positions"]
    relaxed.set_constraint(start.constraints)
    energy = float(stored["energy"])
    relaxed.calc = SinglePointCalculator(relaxed, energy=energy, forces=stored["forces"])
    return Relaxed(
        atoms=relaxed,
        energy=energy,
        max_force=float(stored["max_force"]),
        steps=int(stored["steps"]),
        converged=bool(stored["converged"]),
        stopped=str(stored["stopped"]) if "stopped" in stored else None,
    )
