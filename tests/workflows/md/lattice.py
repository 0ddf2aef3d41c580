"""A crystal of springs whose every thermal average is known: the analytic calculator of the MD tests."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress


class Springs(Calculator):
    """Nearest neighbours of a simple cubic lattice on springs between their displacements.

    E = Σ over bonds k/2 δ² + q/4 δ⁴ with δ = (r_j − r_i) − R_ij and R_ij the bond at rest. The energy is invariant
    under translation, and with q = 0 harmonic, so that its averages can be worked out by hand.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, size=2, spacing=2.5, stiffness=2.0, quartic=0.0):
        super().__init__(size=size, spacing=spacing, stiffness=stiffness, quartic=quartic)
        index = np.arange(size**3).reshape(size, size, size)
        self.next = np.array([np.roll(index, -1, axis=axis).ravel() for axis in range(3)])  # [3, N]
        self.previous = np.array([np.roll(index, 1, axis=axis).ravel() for axis in range(3)])
        place = np.array(list(np.ndindex(size, size, size)))
        last = size - 1 == place.T
        self.image = last[:, :, None] * np.eye(3)[:, None, :]  # [3, N, 3], bonds across the boundary
        self.rest = spacing * np.eye(3)[:, None, :]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        k, q = self.parameters["stiffness"], self.parameters["quartic"]
        bonds = atoms.positions[self.next] - atoms.positions + self.image @ atoms.cell.array
        stretch = bonds - self.rest
        squares = (stretch**2).sum(axis=2, keepdims=True)
        pull = (k + q * squares) * stretch
        forces = sum(pull[axis] - pull[axis, self.previous[axis]] for axis in range(3))
        virial = np.tensordot(pull, bonds, axes=([0, 1], [0, 1]))
        self.results = {
            "energy": float((k / 2 * squares + q / 4 * squares**2).sum()),
            "forces": forces,
            "stress": full_3x3_to_voigt_6_stress((virial + virial.T) / 2 / atoms.get_volume()),
        }


def lattice(size=2, spacing=2.5, symbols=("Cu", "Pd"), **springs):
    """``size``³ atoms of alternating elements at rest, with a :class:`Springs` calculator."""
    grid = np.array(list(np.ndindex(size, size, size)), dtype=float)
    elements = [symbols[int(point.sum()) % len(symbols)] for point in grid]
    atoms = Atoms(elements, positions=spacing * grid, cell=3 * [size * spacing], pbc=True)
    atoms.calc = Springs(size=size, spacing=spacing, **springs)
    return atoms
