"""Energies and forces of many structures: together where the calculator can, else one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.at_rest import require_numbers

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["EnergyAndForces", "evaluate_all", "evaluate_each"]


class EnergyAndForces(NamedTuple):
    """Of one structure: eV, and ``[N, 3]`` eV/Å without regard to constraints."""

    energy: float
    forces: NDArray[np.float64]


def evaluate_all(calculator: BaseCalculator, structures: Sequence[Atoms], kind: str) -> list[EnergyAndForces]:
    """Energies and forces of structures, which are not changed.

    Args:
        calculator: any of ASE's; one with a method ``batch`` as :meth:`.EquiCalc.batch` gets all structures at once.
        structures: atoms.
        kind: what they are, as an error shall say it, such as ``"image"``; several are counted from 1.

    Raises:
        InputError: a structure could not be evaluated, or its energy or forces are not finite numbers.
    """
    results = []
    for number, found in enumerate(evaluate_each(calculator, structures, ("energy", "forces")), start=1):
        name = kind if len(structures) == 1 else f"{kind} {number}"
        if isinstance(found, str):
            raise InputError(f"{name} could not be evaluated: {found}")
        energy, forces = float(found["energy"]), found["forces"]
        require_numbers([energy, *forces.flat], "an energy or forces", name)
        results.append(EnergyAndForces(energy, forces))
    return results


def evaluate_each(
    calculator: BaseCalculator, structures: Sequence[Atoms], properties: Sequence[str]
) -> Iterator[dict[str, Any] | str]:
    """For each structure its properties in ASE's units and shapes, or why a batch has none.

    Args:
        calculator: any of ASE's; one with a method ``batch`` as :meth:`.EquiCalc.batch` gets all structures at once.
            What another raises is not caught.
        structures: atoms, which are not changed.
        properties: ASE's names.
    """
    if hasattr(calculator, "batch"):
        for one in calculator.batch(structures, properties):
            yield one.error or {name: one.results[name] for name in properties}
        return
    for atoms in structures:
        # The costliest first, which brings the others along; copies, as calculators may reuse their arrays.
        found = {name: calculator.get_property(name, atoms) for name in sorted(properties, reverse=True)}
        yield {name: np.array(value) if np.ndim(value) else float(value) for name, value in found.items()}
