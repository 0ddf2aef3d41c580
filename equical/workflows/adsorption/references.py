"""What adsorption energies are counted from: gas molecules in a stated stoichiometry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.common.inputs import read_structure

__all__ = ["Stoichiometry", "balance", "format_reference", "gas_molecule", "reference_for"]

Stoichiometry = dict[str, Fraction]
"""Gas molecules, each with the number of them that makes one adsorbate."""

# Molecules whose energies density functionals get right: O2, notably, is not among them.
_ELEMENTS: dict[str, Stoichiometry] = {
    "H": {"H2": Fraction(1, 2)},
    "C": {"CO": Fraction(1), "H2O": Fraction(-1), "H2": Fraction(1)},
    "N": {"N2": Fraction(1, 2)},
    "O": {"H2O": Fraction(1), "H2": Fraction(-1)},
    "F": {"HF": Fraction(1), "H2": Fraction(-1, 2)},
    "S": {"H2S": Fraction(1), "H2": Fraction(-1)},
    "Cl": {"HCl": Fraction(1), "H2": Fraction(-1, 2)},
}

_G2_NAMES = {
    "H2S": "SH2", "CHO": "HCO", "CH2O": "H2CO", "CHCH": "C2H2", "CH2CH2": "C2H4", "CH2CO": "H2CCO", "CHOCHO": "OCHCHO",
    "OCHCH3": "CH3CHO", "OHCH2CH3": "CH3CH2OH", "NNO": "N2O", "NH2NH2": "N2H4",
}  # fmt: skip
"""Where the G2 collection of ASE spells a formula its own way."""

BOX = 15.0
"""Å of empty space around a molecule."""

_TERM = re.compile(r"([+-])?\s*(\d+/\d+|\d*\.\d+|\d+)?\s*\*?\s*([A-Za-z./][^\s]*)")


def reference_for(adsorbate: Adsorbate, asked: str | Mapping[str, float] | None = None) -> Stoichiometry:
    """Decide what the energy of an adsorbate is counted from.

    Without a wish, a molecule that exists as a gas is its own reference. Everything else is made of H2, H2O, CO and N2
    (and H2S, HF, HCl): H is ½ H2, O is H2O − H2, C is CO − H2O + H2, N is ½ N2.

    Args:
        adsorbate: its elements must balance.
        asked: such as ``"1/2 O2"``, ``"H2O - H2"`` or ``{"O2": 0.5}``. Names are formulas that ASE knows as molecules,
            elements for single atoms, or structure files.

    Raises:
        InputError: nothing is known about an element, the expression cannot be read, or it does not balance.
    """
    if asked is None:
        return _default(adsorbate)
    if isinstance(asked, str):
        reference = _parse(asked)
    else:
        reference = {name: Fraction(number).limit_denominator(1000) for name, number in asked.items()}
    made = balance(reference, adsorbate)
    wanted = _count(adsorbate.atoms)
    if made != wanted:
        raise InputError(
            f"the reference {format_reference(reference)} makes {_formula(made)}, but the adsorbate is "
            f"{_formula(wanted)}: balance it, as in --reference '{format_reference(_default(adsorbate), ascii=True)}'"
        )
    return reference


def _default(adsorbate: Adsorbate) -> Stoichiometry:
    if adsorbate.gas and len(adsorbate.atoms) > 1:
        return {adsorbate.name: Fraction(1)}
    total: Stoichiometry = {}
    for element, count in _count(adsorbate.atoms).items():
        if element not in _ELEMENTS:
            raise InputError(
                f"no default reference for {element}: name the gas molecules with --reference, which may be files"
            )
        for name, number in _ELEMENTS[element].items():
            total[name] = total.get(name, Fraction(0)) + count * number
    terms = [(name, number) for name, number in total.items() if number]
    return dict(sorted(terms, key=lambda term: term[1] < 0))  # what is added first, then what is taken away


def _parse(text: str) -> Stoichiometry:
    """Read ``"H2O - 1/2 H2"``."""
    reference: Stoichiometry = {}
    rest = text.strip().replace("½", "1/2 ").replace("−", "-")
    while rest:
        term = _TERM.match(rest)
        if term is None or (reference and not term[1]):
            raise InputError(f"cannot read the reference {text!r}: write it like '1/2 O2' or 'H2O - H2'")
        sign, number, name = term.groups()
        reference[name] = reference.get(name, Fraction(0)) + Fraction(number or 1) * (-1 if sign == "-" else 1)
        rest = rest[term.end() :].strip()
    if not reference:
        raise InputError("the reference is empty: write it like '1/2 O2' or 'H2O - H2'")
    return reference


def format_reference(reference: Stoichiometry, *, ascii: bool = False) -> str:
    """Write a stoichiometry as ``"H2O − ½ H2"``, or in ASCII as it is read."""
    text = ""
    for name, number in reference.items():
        size = abs(number)
        factor = "" if size == 1 else f"{size} " if ascii or size != Fraction(1, 2) else "½ "
        minus = "-" if ascii else "−"
        sign = (f" {minus} " if text else minus) if number < 0 else " + " if text else ""
        text += f"{sign}{factor}{name}"
    return text


def balance(reference: Stoichiometry, adsorbate: Adsorbate) -> dict[str, Fraction]:
    """Elements that a reference adds up to, those that cancel left out."""
    total: dict[str, Fraction] = {}
    for name, number in reference.items():
        for element, count in _count(gas_molecule(name, adsorbate)).items():
            total[element] = total.get(element, Fraction(0)) + count * number
    return dict(sorted((element, number) for element, number in total.items() if number))


def gas_molecule(name: str, adsorbate: Adsorbate) -> Atoms:
    """A molecule, not yet relaxed, alone in a cubic box without periodic images.

    Args:
        name: of the adsorbate itself, a formula that ASE knows, an element, or a structure file.
        adsorbate: which may be meant by ``name``.

    Raises:
        InputError: there is no such molecule.
    """
    from ase.build import molecule
    from ase.data import chemical_symbols

    if name == adsorbate.name and name not in _G2_NAMES:
        atoms = Atoms(adsorbate.atoms.numbers, adsorbate.atoms.positions)
    elif _in_g2(name):
        atoms = molecule(_G2_NAMES.get(name, name))
    elif name in chemical_symbols[1:]:
        atoms = Atoms(name)
    elif Path(name).suffix:
        read = read_structure(name)
        atoms = Atoms(read.numbers, read.positions)
    else:
        raise InputError(f"unknown reference molecule {name!r}: use H2, H2O, CO, N2, O2 and the like, or a file")
    atoms.set_initial_magnetic_moments(None)
    side = BOX + float(np.ptp(atoms.positions, axis=0).max())
    atoms.set_cell([side] * 3)
    atoms.center()
    return atoms


def _in_g2(name: str) -> bool:
    from ase.collections import g2

    return _G2_NAMES.get(name, name) in g2.names


def _count(atoms: Atoms) -> dict[str, Fraction]:
    counts: dict[str, Fraction] = {}
    for symbol in atoms.symbols:
        counts[symbol] = counts.get(symbol, Fraction(0)) + 1
    return dict(sorted(counts.items()))


def _formula(counts: Mapping[str, Fraction]) -> str:
    return " ".join(f"{element}{number if number != 1 else ''}" for element, number in counts.items()) or "nothing"
