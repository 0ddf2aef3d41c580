"""Energies of one atom in a plane, on which paths are known."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes


class MuellerBrown(Calculator):
    """The surface of K. Müller and L. D. Brown, Theor. Chim. Acta 53, 75 (1979), in units of 10 meV and 3 Å."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 (how ASE's calculators tell)
    LENGTH, ENERGY = 3.0, 0.01
    MINIMA = {"left": (-0.55822, 1.44173), "middle": (-0.05001, 0.46669), "right": (0.62350, 0.02804)}  # noqa: RUF012
    SADDLES = {"left": -40.6648, "right": -72.2489}  # noqa: RUF012
    """Energies of the saddle points on both sides of the middle one."""

    HEIGHTS = np.array([-200.0, -100.0, -170.0, 15.0])
    XX, XY = np.array([-1.0, -1.0, -6.5, 0.7]), np.array([0.0, 0.0, 11.0, 0.6])
    YY = np.array([-10.0, -10.0, -6.5, 0.7])
    X, Y = np.array([1.0, 0.0, -0.5, -1.0]), np.array([0.0, 0.5, 1.5, 1.0])

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, y = self.atoms.positions[0, :2] / self.LENGTH
        dx, dy = x - self.X, y - self.Y
        terms = self.HEIGHTS * np.exp(self.XX * dx**2 + self.XY * dx * dy + self.YY * dy**2)
        gradient = [
            (terms * (2 * self.XX * dx + self.XY * dy)).sum(),
            (terms * (self.XY * dx + 2 * self.YY * dy)).sum(),
        ]
        forces = np.zeros((1, 3))
        forces[0, :2] = -self.ENERGY / self.LENGTH * np.array(gradient)
        self.results = {"energy": self.ENERGY * float(terms.sum()), "forces": forces}

    @classmethod
    def atom(cls, place: str) -> Atoms:
        """The atom in one of the minima."""
        return Atoms("H", [[*(cls.LENGTH * np.array(cls.MINIMA[place])), 0.0]], cell=[40, 40, 40], pbc=True)
