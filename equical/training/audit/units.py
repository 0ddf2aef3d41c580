"""Mistakes in units, signs and order of labels, and how each of them shows."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENERGY_UNITS", "FORCE_UNITS", "ORDERS", "STRESS_FACTORS", "VIRIAL_FACTORS", "as_virial", "in_order"]

Floats = NDArray[np.float64]

HARTREE, RYDBERG, BOHR = 27.211386, 13.605693, 0.529177
KCAL, KJ = 1 / 23.060548, 1 / 96.485332
GPA = 1 / 160.21766

FORCE_UNITS = {
    "energies in Hartree and forces in eV/Å": 1 / HARTREE,
    "energies in Rydberg and forces in eV/Å": 1 / RYDBERG,
    "energies in kcal/mol and forces in eV/Å": 1 / KCAL,
    "energies in kJ/mol and forces in eV/Å": 1 / KJ,
    "energies in meV and forces in eV/Å": 1e3,
    "energies in eV and forces in Hartree/Bohr": HARTREE / BOHR,
    "energies in eV and forces in Rydberg/Bohr": RYDBERG / BOHR,
    "energies in eV and forces in Hartree/Å": HARTREE,
    "energies in eV and forces in Rydberg/Å": RYDBERG,
    "energies in eV and forces in kcal/mol/Å": KCAL,
    "energies in eV and forces in kJ/mol/Å": KJ,
    "energies in eV and forces in kJ/mol/nm": KJ / 10,
    "energies in eV and forces in meV/Å": 1e-3,
    "energies in eV and forces in eV/Bohr, or both in Hartree and Bohr": 1 / BOHR,
    "energies in eV, forces in eV/Å and positions in Bohr": BOHR,
    "energies in kcal/mol and forces in Hartree/Bohr": HARTREE / BOHR / KCAL,
}
"""Factor that forces need to fit the energies."""

ENERGY_UNITS = {"Hartree": 1 / HARTREE, "Rydberg": 1 / RYDBERG, "kcal/mol": 1 / KCAL, "kJ/mol": 1 / KJ}
"""How many of each are an eV."""

STRESS_FACTORS = {
    "GPa": GPA,
    "kbar": GPA / 10,
    "bar": GPA * 1e-4,
    "Hartree/Bohr³": HARTREE / BOHR**3,
    "Rydberg/Bohr³": RYDBERG / BOHR**3,
}
"""Factor that a stress needs to become eV/Å³."""

VIRIAL_FACTORS = {"a virial": 1.0, "a virial divided by 160.22": 1 / GPA}
"""Factor that −virial/V needs to become a stress in eV/Å³."""

PLACES = {"yz": (1, 2), "xz": (0, 2), "xy": (0, 1)}
NATURAL = ("yz", "xz", "xy")
NAMED: dict[tuple[str, ...], str] = {
    ("xy", "yz", "xz"): "that of VASP (xx yy zz xy yz zx)",
    ("xy", "xz", "yz"): "that of LAMMPS (xx yy zz xy xz yz)",
}

ORDERS: dict[str, tuple[str, ...]] = {
    NAMED.get(order, f"xx yy zz {' '.join(order)}"): order for order in permutations(NATURAL) if order != NATURAL
}
"""What may stand where yz, xz and xy are expected."""


def as_virial(label: Floats, volume: Floats) -> Floats:
    """Stresses ``[S, 3, 3]`` of labels that are virials."""
    return -label / np.maximum(volume, 1e-300)[:, None, None]


def in_order(label: Floats, order: tuple[str, ...]) -> Floats:
    """Stresses ``[S, 3, 3]`` of labels whose last three components were written in another order."""
    stress = label.copy()
    for found, place in zip(NATURAL, order, strict=True):
        i, j = PLACES[place]
        stress[:, i, j] = stress[:, j, i] = label[:, PLACES[found][0], PLACES[found][1]]
    return stress
