"""A calculator under examination, and the structures it is examined on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from equical.errors import InputError

__all__ = ["Subject", "Values", "evaluate", "structures_of"]

Floats = NDArray[np.float64]


class Values(NamedTuple):
    """What a calculator says of a structure: eV, eV/Å, and eV/Å³ as a symmetric matrix (None without a volume)."""

    energy: float
    forces: Floats
    stress: Floats | None


@dataclass(frozen=True)
class Subject:
    """A calculator under examination.

    Attributes:
        make: makes a new calculator, the same each time.
        structures: to examine it on, by name: off their equilibrium, not too large.
        double: whether it computes in float64: steps of finite differences are smaller then, and limits tight.
        conservative: whether its forces are meant to be the gradient of its energy.
        mirror: whether mirror images are meant to have the same energy exactly.
        quick: whether checks should be content with fewer points.
        calculator: one such calculator, used by most checks.
    """

    make: Callable[[], BaseCalculator]
    structures: dict[str, Atoms]
    double: bool = True
    conservative: bool = True
    mirror: bool = True
    quick: bool = False
    calculator: BaseCalculator = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calculator", self.make())

    def limit(self, double: float, single: float) -> float:
        """The limit for the precision the calculator has."""
        return double if self.double else single

    def several(self, many: int, few: int) -> int:
        """How many points to take."""
        return few if self.quick else many


def evaluate(calculator: BaseCalculator, atoms: Atoms) -> Values:
    """Energy, forces and stress of a structure, which is not changed."""
    own = atoms.copy()
    own.calc = calculator
    forces = np.array(own.get_forces(apply_constraint=False))
    stress = None
    if atoms.cell.rank == 3 and "stress" in calculator.implemented_properties:
        stress = np.array(own.get_stress(voigt=False))
    return Values(float(own.get_potential_energy()), forces, stress)


def structures_of(elements: Sequence[str]) -> dict[str, Atoms]:
    """Small structures of the first one or two of some elements, off their equilibrium.

    Raises:
        InputError: of none of the elements a simple crystal is known.
    """
    from ase.build import bulk
    from ase.data import covalent_radii

    known = [symbol for symbol in elements if _has_crystal(symbol)]
    if not known:
        raise InputError("no simple crystal is known of the elements of this calculator: give one with --structure")
    first, second = known[0], known[min(1, len(known) - 1)]
    crystal = bulk(first)
    while len(crystal) < 3:
        crystal = crystal.repeat([2 if len(crystal) < 2 else 1, 1, 2])
    crystal.symbols[-1] = second
    strain = np.array([[1.04, 0.02, 0], [0, 1.04, 0.01], [0, 0, 1.04]])
    crystal.set_cell(crystal.cell[:] @ strain, scale_atoms=True)
    slab = bulk(first) * (2, 1, 3)
    slab.center(vacuum=6.0, axis=2)
    slab.pbc = [True, True, False]
    bond = 1.25 * (covalent_radii[crystal.numbers[0]] + covalent_radii[crystal.numbers[-1]])
    corners = bond * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.9, 0.1], [0.5, 0.3, 0.85], [-0.4, 0.7, 0.8]])
    cluster = Atoms([first, second, first, first, second], corners)
    found = {"crystal": crystal, "slab": slab, "cluster": cluster}
    for seed, atoms in enumerate(found.values()):
        atoms.rattle(0.06, seed=seed)
    return found


def _has_crystal(symbol: str) -> bool:
    from ase.build import bulk

    try:
        bulk(symbol)
    except Exception:  # ASE raises what it likes for elements it knows no simple crystal of
        return False
    return True
