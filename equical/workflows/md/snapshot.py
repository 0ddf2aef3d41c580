"""Positions, momenta and cell at one moment."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The state of the atoms, to the last bit.

    Attributes:
        positions: ``[N, 3]`` Å, not wrapped into the cell.
        momenta: ``[N, 3]`` ASE units, √(eV·u).
        cell: ``[3, 3]`` Å.
    """

    positions: NDArray[np.float64]
    momenta: NDArray[np.float64]
    cell: NDArray[np.float64]

    @classmethod
    def of(cls, atoms: Atoms) -> Self:
        """Copy the state of the atoms."""
        return cls(atoms.get_positions(), atoms.get_momenta(), atoms.cell.array.copy())

    def apply(self, atoms: Atoms) -> None:
        """Bring the atoms to this state."""
        atoms.set_cell(self.cell, apply_constraint=False)
        atoms.set_positions(self.positions, apply_constraint=False)
        atoms.set_momenta(self.momenta, apply_constraint=False)
