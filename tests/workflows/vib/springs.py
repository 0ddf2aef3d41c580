"""Molecules held together by springs, whose vibrations are known."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes


class Springs(Calculator):
    """A spring between each of some pairs of atoms, at rest in the structure it is made for.

    Args:
        atoms: the structure at rest.
        constants: eV/Å², by pairs of chemical symbols in alphabetical order; pairs that are not named do not feel each
            other.
    """

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (how ASE's calculators tell)

    def __init__(self, atoms: Atoms, constants: dict[tuple[str, str], float]):
        super().__init__()
        self.parameters["constants"] = repr(constants)
        symbols = atoms.get_chemical_symbols()
        self.rest = atoms.get_all_distances()
        self.constants = np.array([[constants.get(tuple(sorted((a, b))), 0.0) for b in symbols] for a in symbols])
        np.fill_diagonal(self.rest, 1.0)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        apart = self.atoms.positions[:, None] - self.atoms.positions
        length = np.linalg.norm(apart, axis=2)
        np.fill_diagonal(length, 1.0)
        stretch = length - self.rest
        forces = -(self.constants * stretch / length)[:, :, None] * apart
        self.results = {"energy": float((self.constants * stretch**2).sum() / 4), "forces": forces.sum(axis=1)}
