"""Crystals by formula: common structure types, which of them a formula means, and lattice constants to start from."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols, covalent_radii, reference_states

from equical.errors import InputError

__all__ = ["PROTOTYPES", "NamedCrystal", "Prototype", "crystal_by_formula"]

Sites = tuple[tuple[float, float, float], ...]

CORNERS: Sites = ((0, 0, 0),)
CENTRES: Sites = ((0.5, 0.5, 0.5),)
FACES: Sites = ((0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))
EDGES: Sites = ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))
TETRAHEDRA: Sites = ((0.25, 0.25, 0.25), (0.75, 0.75, 0.25), (0.75, 0.25, 0.75), (0.25, 0.75, 0.75))
OTHER_TETRAHEDRA: Sites = ((0.75, 0.75, 0.75), (0.25, 0.25, 0.75), (0.25, 0.75, 0.25), (0.75, 0.25, 0.25))
HEXAGONAL: Sites = ((1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75))
BOND = np.sqrt(3) / 4
"""Between corner and tetrahedron, in lattice constants."""


@dataclass(frozen=True)
class Prototype:
    """A structure type in the cell that Miller indices refer to.

    Attributes:
        title: as people write it, such as ``"L1_2"``.
        counts: atoms of each element in a formula unit.
        sites: fractions of the lattice vectors where the atoms of each element are.
        bonds: pairs of elements that touch where not all are metals, each with their distance in lattice constants.
        hexagonal: whether the cell is hexagonal, c/a being that of packed spheres, rather than cubic.
    """

    title: str
    counts: tuple[int, ...]
    sites: tuple[Sites, ...]
    bonds: tuple[tuple[int, int, float], ...] = ()
    hexagonal: bool = False


PROTOTYPES = {
    "fcc": Prototype("fcc", (1,), (CORNERS + FACES,)),
    "bcc": Prototype("bcc", (1,), (CORNERS + CENTRES,)),
    "hcp": Prototype("hcp", (1,), (HEXAGONAL,), hexagonal=True),
    "diamond": Prototype("diamond", (1,), (CORNERS + FACES + TETRAHEDRA,), ((0, 0, BOND),)),
    "l12": Prototype("L1_2", (1, 3), (CORNERS, FACES)),
    "l10": Prototype("L1_0", (1, 1), (CORNERS + FACES[:1], FACES[1:])),
    "b2": Prototype("B2", (1, 1), (CORNERS, CENTRES), ((0, 1, np.sqrt(0.75)),)),
    "rocksalt": Prototype("rock salt", (1, 1), (CORNERS + FACES, CENTRES + EDGES), ((0, 1, 0.5),)),
    "zincblende": Prototype("zinc blende", (1, 1), (CORNERS + FACES, TETRAHEDRA), ((0, 1, BOND),)),
    "fluorite": Prototype("fluorite", (1, 2), (CORNERS + FACES, TETRAHEDRA + OTHER_TETRAHEDRA), ((0, 1, BOND),)),
    "perovskite": Prototype("perovskite", (1, 1, 3), (CORNERS, CENTRES, FACES), ((0, 2, np.sqrt(0.5)), (1, 2, 0.5))),
}
"""Structure types by the names that ``--prototype`` takes."""

NONMETALS = (
    "B", "Si", "Ge", "At", "H", "As", "Sb", "Te", "P", "C", "Se", "S", "I", "Br", "N", "Cl", "O", "F",
    "Rn", "Xe", "Kr", "Ar", "Ne", "He",
)  # fmt: skip
"""Those later in the list rather are anions."""

OF_METALS, OF_OTHERS = ("l12", "l10", "b2", "fluorite"), ("b2", "rocksalt", "zincblende", "fluorite", "perovskite")
"""What compounds of metals alone may be, and all others."""

USUAL = {
    "l10": [("Cu", "Au"), ("Mn Fe Co Ni", "Pt"), ("Fe", "Pd"), ("Ti", "Al")],
    "b2": [
        ("Fe Co Ni Ru Rh Ir", "Al"), ("Ti", "Fe Co Ni Ru Os"), ("Cu Ag Au", "Zn"), ("Fe", "Co Rh"), ("Cu", "Pd"),
        ("Ag Au", "Mg"), ("Cs Tl", "Cl Br I"),
    ],
    "rocksalt": [
        ("Li Na K Rb", "H F Cl Br I"), ("Cs", "F"), ("Ag", "F Cl Br"), ("Mg Ca Sr Ba", "O S Se"), ("Ca Sr Ba", "Te"),
        ("Cd Eu Ti V Mn Fe Co Ni", "O"), ("Pb", "S Se Te"), ("Sn", "Te"), ("Ti V Zr Nb Hf Ta", "C N"),
        ("Sc Y La Cr", "N"),
    ],
    "zincblende": [
        ("Al Ga In", "P As Sb"), ("B", "P As"), ("Zn", "S Se Te"), ("Cd", "Te"), ("Hg", "Se Te"), ("Be", "S Se Te"),
        ("Cu", "Cl Br I"), ("Si", "C"),
    ],
    "fluorite": [
        ("Ca Sr Ba Cd Eu", "F"), ("Ce Pr Th U Np Pu", "O"), ("O S Se Te", "Li Na K Rb"), ("Si Ge Sn Pb", "Mg"),
        ("Co Ni", "Si"), ("Au", "Al Ga In"),
    ],
}  # fmt: skip
"""Binary compounds that are known for one structure near room temperature: of each pair of elements in two groups, the
first one has the smaller count."""


@dataclass(frozen=True)
class NamedCrystal:
    """A crystal made of a formula.

    Attributes:
        atoms: in the cell that Miller indices refer to.
        title: structure type, such as ``"L1_2"``; empty for the usual structure of an element.
        guessed: whether the formula alone suggested the structure type.
        estimated: whether the lattice constant is an estimate, off by some per cent, to be relaxed before use.
    """

    atoms: Atoms
    title: str = ""
    guessed: bool = False
    estimated: bool = False


def crystal_by_formula(formula: str, prototype: str | None = None) -> NamedCrystal:
    """Make the crystal that a formula means.

    Args:
        formula: such as ``"Pt"``, ``"Pt3Ni"`` or ``"SrTiO3"``.
        prototype: a structure type of ``PROTOTYPES``; by default that of the element in ASE's reference data, or the
            one that compounds of this kind are known for.

    Raises:
        InputError: no formula, no such structure type, or a formula that does not tell which one.
    """
    counts = _parse(formula)
    if prototype is not None:
        if prototype not in PROTOTYPES:
            raise InputError(f"unknown prototype {prototype!r}: give one of {', '.join(PROTOTYPES)}")
        kind = PROTOTYPES[prototype]
        if sorted(counts.values()) != sorted(kind.counts):
            ratio = ":".join(map(str, kind.counts))
            raise InputError(f"{formula} cannot be {kind.title}, which has atoms in the ratio {ratio}")
        (reference, *others) = (reference_states[atomic_numbers[symbol]] for symbol in counts)
        if others or reference is None or reference["symmetry"] != prototype:
            return _made(counts, kind, guessed=False)
    if len(counts) == 1:
        return _element(*counts)
    return _made(counts, PROTOTYPES[_usual_prototype(formula, counts)], guessed=True)


def _parse(formula: str) -> Counter[str]:
    """Elements of a formula unit with their numbers, which have no common divisor."""
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if "".join(symbol + number for symbol, number in parts) != formula or not parts:
        parts = []
    counts: Counter[str] = Counter()
    for symbol, number in parts:
        counts[symbol] += int(number or 1)
    if not counts or not set(counts) <= set(chemical_symbols[1:]) or min(counts.values()) < 1:
        raise InputError(f"--bulk takes a formula such as Pt, Pt3Ni or MgO, or a structure file, not {formula!r}")
    divisor = int(np.gcd.reduce(list(counts.values())))
    return Counter({symbol: number // divisor for symbol, number in counts.items()})


def _element(symbol: str) -> NamedCrystal:
    from ase.build import bulk

    try:
        return NamedCrystal(bulk(symbol))
    except (ValueError, NotImplementedError) as error:
        raise InputError(
            f"no simple crystal structure is known for {symbol}: give a file with --bulk, or a --prototype"
        ) from error


def _usual_prototype(formula: str, counts: Counter[str]) -> str:
    """The structure type that a compound is known for."""
    possible = OF_OTHERS if set(NONMETALS) & set(counts) else OF_METALS
    fitting = [name for name in possible if sorted(PROTOTYPES[name].counts) == sorted(counts.values())]
    for name in fitting:
        for few, many in USUAL.get(name, []):
            if any({a, b} == set(counts) and counts[a] <= counts[b] for a in few.split() for b in many.split()):
                return name
    anions = set(NONMETALS) & set(counts)
    if fitting == ["l12"] or (fitting == ["perovskite"] and len(anions) == 1 and counts[anions.pop()] == 3):
        return fitting[0]
    if not fitting:
        raise InputError(f"no prototype has the formula {formula}: give its structure as a file with --bulk")
    choices = " or ".join(f"--prototype {name}" for name in fitting)
    raise InputError(f"the formula {formula} does not tell its structure: say {choices}, or give a file with --bulk")


def _made(counts: Counter[str], kind: Prototype, guessed: bool) -> NamedCrystal:
    elements = sorted(counts, key=lambda symbol: (counts[symbol], _order(symbol)))
    a = _lattice_constant(elements, kind)
    cell = a * np.eye(3)
    if kind.hexagonal:
        cell = a * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, np.sqrt(8 / 3)]])
    symbols = [element for element, sites in zip(elements, kind.sites, strict=True) for _ in sites]
    places = [place for sites in kind.sites for place in sites]
    atoms = Atoms(symbols, scaled_positions=places, cell=cell, pbc=True)
    return NamedCrystal(atoms, kind.title, guessed, estimated=True)


def _order(symbol: str) -> tuple[int, float]:
    """Sort key: what rather is a cation comes first, what rather is an anion last; large metals before small ones."""
    return NONMETALS.index(symbol) if symbol in NONMETALS else -1, -covalent_radii[atomic_numbers[symbol]]


def _lattice_constant(elements: list[str], kind: Prototype) -> float:
    """Å: from the volumes of the elements where atoms of metals fill space, else from the radii of atoms that touch."""
    radii = [covalent_radii[atomic_numbers[element]] for element in elements]
    if kind.bonds and (set(NONMETALS) & set(elements) or len(elements) == 1):
        return float(np.mean([(radii[i] + radii[j]) / distance for i, j, distance in kind.bonds]))
    volume = sum(_volume(element) * len(sites) for element, sites in zip(elements, kind.sites, strict=True))
    return float((volume / (np.sqrt(2) if kind.hexagonal else 1)) ** (1 / 3))


def _volume(symbol: str) -> float:
    """Å³ that an atom takes in the crystal of its element, or where that is not a simple one, in packed spheres."""
    from ase.build import bulk

    state = reference_states[atomic_numbers[symbol]]
    if state is not None and symbol not in NONMETALS:
        try:
            crystal = bulk(symbol)
        except (ValueError, NotImplementedError):
            pass
        else:
            return float(crystal.get_volume()) / len(crystal)
    return float((2 * covalent_radii[atomic_numbers[symbol]]) ** 3 / np.sqrt(2))
