"""Point groups of molecules with every kind of axis."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from equical.workflows.vib.pointgroup import point_group


def ring(number, symbols="C", height=0.0, turn=0.0, radius=1.5):
    angles = 2 * np.pi * (np.arange(number) + turn) / number
    points = np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(number, height)])
    return Atoms(f"{symbols}{number}", points)


KNOWN = {
    "ethane, staggered": (molecule("C2H6"), "D3d", 6),
    "allene": (molecule("C3H4_D2d"), "D2d", 4),
    "ethylene": (molecule("C2H4"), "D2h", 4),
    "diazene": (Atoms("N2H2", [[0.62, 0, 0], [-0.62, 0, 0], [0.9, 0.95, 0], [-0.9, -0.95, 0]]), "C2h", 2),
    "methanol": (molecule("CH3OH"), "Cs", 1),
    "boron trifluoride": (molecule("BF3"), "D3h", 6),
    "phosphine": (molecule("PH3"), "C3v", 3),
    "hydrogen peroxide": (molecule("H2O2"), "C2", 2),
    "silane": (molecule("SiH4"), "Td", 12),
    "buckminsterfullerene": (molecule("C60"), "Ih", 60),
    "octahedron": (Atoms("SF6", [[0, 0, 0], *(1.56 * np.vstack([np.eye(3), -np.eye(3)]))]), "Oh", 24),
    "rings of five, staggered": (ring(5) + ring(5, height=3.0, turn=0.5), "D5d", 10),
    "rings of five, eclipsed": (ring(5) + ring(5, height=3.0), "D5h", 10),
    "rings of five, turned": (ring(5) + ring(5, height=3.0, turn=0.2), "D5", 5 * 2),
    "ring of four, ruffled": (
        ring(4) + ring(4, "H", 0.4, 0.2)[[0, 2]] + ring(4, "H", -0.4, 0.2)[[1, 3]], "S4", 2,
    ),
    "four points": (Atoms("HFClBr", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]), "C1", 1),
}  # fmt: skip


@pytest.mark.parametrize(("atoms", "symbol", "number"), KNOWN.values(), ids=KNOWN)
def test_known_groups_in_any_orientation(atoms, symbol, number):
    atoms = atoms.copy()
    atoms.rotate(41, (3, 1, 2))
    atoms.positions += [10, -4, 3]
    atoms.rattle(2e-3, seed=1)
    assert point_group(atoms) == (symbol, number)


def test_isotopes_are_told_apart():
    masses = molecule("CH4").get_masses()
    methane = molecule("CH4")
    masses[1] = 2.014
    methane.set_masses(masses)
    assert point_group(methane) == ("C3v", 3)
    masses[2] = 2.014
    methane.set_masses(masses)
    assert point_group(methane) == ("C2v", 2)
