"""Energies and forces of many structures: together where the calculator can, else one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.common.at_rest import require_numbers

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["EnergyAndForces", "evaluate_all"]


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
    for number, found in enumerate(_evaluations(calculator, structures), start=1):
        name = kind if len(structures) == 1 else f"{kind} {number}"
        if isinstance(found, str):
            raise InputError(f"{name} could not be evaluated: {found}")
        require_numbers([found.energy, *found.forces.flat], "an energy or forces", name)
        results.append(found)
    return results


def _evaluations(calculator: BaseCalculator, structures: Sequence[Atoms]) -> Iterator[EnergyAndForces | str]:
    """For each structure its energy and forces, or why there are none."""
    if hasattr(calculator, "batch"):
        for one in calculator.batch(structures, ("energy", "forces")):
            yield one.error or EnergyAndForces(one.results["energy"], one.results["forces"])
        return
    for atoms in structures:
        forces = np.array(calculator.get_property("forces", atoms))  # a copy: calculators may reuse their arrays
        yield EnergyAndForces(float(calculator.get_property("energy", atoms)), forces)
