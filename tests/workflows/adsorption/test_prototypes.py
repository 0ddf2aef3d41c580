"""Crystals by formula: the structure that is meant, and lattice constants near enough to relax from."""

import numpy as np
import pytest
from ase.formula import Formula
from ase.neighborlist import neighbor_list

from equical.errors import InputError
from equical.workflows.adsorption.prototypes import PROTOTYPES, crystal_by_formula
from equical.workflows.common.spacegroup import ask_spglib

KNOWN = {
    "Pt3Ni": ("L1_2", 3.83), "Ni3Al": ("L1_2", 3.57), "AuCu3": ("L1_2", 3.75), "Pt3Ti": ("L1_2", 3.91),
    "CuAu": ("L1_0", 3.86), "FePt": ("L1_0", 3.80), "CoPt": ("L1_0", 3.77), "TiAl": ("L1_0", 4.02),
    "NiAl": ("B2", 2.89), "FeAl": ("B2", 2.91), "CuZn": ("B2", 2.95), "TiFe": ("B2", 2.98), "CsCl": ("B2", 4.12),
    "MgO": ("rock salt", 4.21), "NaCl": ("rock salt", 5.64), "CaO": ("rock salt", 4.81), "NiO": ("rock salt", 4.18),
    "TiN": ("rock salt", 4.24), "GaAs": ("zinc blende", 5.65), "ZnS": ("zinc blende", 5.41),
    "SiC": ("zinc blende", 4.36), "InSb": ("zinc blende", 6.48), "CaF2": ("fluorite", 5.46),
    "CeO2": ("fluorite", 5.41), "Li2O": ("fluorite", 4.62),
    "SrTiO3": ("perovskite", 3.91), "BaTiO3": ("perovskite", 4.00), "KMgF3": ("perovskite", 3.99),
}  # fmt: skip
"""Å, from experiment; of L1_0 that of a cube as large."""

SPACE_GROUPS = {
    "fcc": 225, "bcc": 229, "hcp": 194, "diamond": 227, "l12": 221, "l10": 123, "b2": 221, "rocksalt": 225,
    "zincblende": 216, "fluorite": 225, "perovskite": 221,
}  # fmt: skip
COORDINATION = {
    "fcc": [12], "bcc": [8], "hcp": [12], "diamond": [4], "l12": [12, 12], "l10": [12, 12], "b2": [8, 8],
    "rocksalt": [6, 6], "zincblende": [4, 4], "fluorite": [8, 4], "perovskite": [12, 6, 2],
}  # fmt: skip
"""Nearest neighbours of each element's atoms; in the perovskite oxygen around metals, and titanium around oxygen."""


@pytest.mark.parametrize("formula", KNOWN)
def test_known_compounds(formula):
    found = crystal_by_formula(formula)
    title, constant = KNOWN[formula]
    assert (found.title, found.guessed, found.estimated) == (title, True, True)
    assert found.atoms.cell[0, 0] == pytest.approx(constant, rel=0.16)  # radii are poor guides to ions
    assert found.atoms.symbols.formula.reduce()[0] == Formula(formula).reduce()[0]


@pytest.mark.parametrize("name", PROTOTYPES)
def test_structure_types(name):
    formula = {1: "Cu", 2: "NaCl", 3: "SrTiO3"}[len(PROTOTYPES[name].counts)]
    formula = {"l12": "Pt3Ni", "fluorite": "CaF2"}.get(name, formula)
    found = crystal_by_formula(formula, name)
    atoms = found.atoms
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    assert ask_spglib("get_symmetry_dataset", cell, symprec=1e-4).number == SPACE_GROUPS[name]
    receiver, sender, distance = neighbor_list("ijd", atoms, 1.01 * atoms.cell.lengths().max())
    unlike = atoms.numbers[receiver] != atoms.numbers[sender]
    oxygen = (atoms.symbols[receiver] == "O") | (atoms.symbols[sender] == "O")
    counted = unlike & oxygen if name == "perovskite" else np.ones(len(distance), dtype=bool)
    found_numbers = []
    for symbol in dict.fromkeys(atoms.symbols):
        mine = counted & (receiver == list(atoms.symbols).index(symbol))
        found_numbers.append(int((distance[mine] < 1.001 * distance[mine].min()).sum()))
    assert found_numbers == COORDINATION[name]


def test_elements_have_the_lattice_constants_of_ase():
    iron = crystal_by_formula("Fe")
    assert (iron.title, iron.guessed, iron.estimated) == ("", False, False)
    assert iron.atoms.cell.volume == pytest.approx(2.87**3 / 2)
    assert crystal_by_formula("Fe", "bcc").atoms == iron.atoms
    gamma = crystal_by_formula("Fe", "fcc")
    assert gamma.estimated
    assert gamma.atoms.cell[0, 0] == pytest.approx(3.6, rel=0.02)


def test_multiples_and_order_do_not_matter():
    for formula in ("Pt3Ni", "NiPt3", "Pt6Ni2", "PtNiPt2"):
        assert crystal_by_formula(formula).atoms == crystal_by_formula("Pt3Ni").atoms


def test_the_cation_comes_first():
    """So that (1 1 1) of a zinc blende is its cation's side."""
    for formula, cation in (("GaAs", "Ga"), ("AsGa", "Ga"), ("InSb", "In"), ("BP", "B"), ("SiC", "Si"), ("ZnS", "Zn")):
        assert crystal_by_formula(formula).atoms.symbols[0] == cation


@pytest.mark.parametrize(
    ("formula", "prototype", "message"),
    [
        ("Xx", None, "formula such as Pt, Pt3Ni or MgO, or a structure file, not 'Xx'"),
        ("", None, "not ''"),
        ("Pt0", None, "not 'Pt0'"),
        ("pt", None, "not 'pt'"),
        ("P", None, "no simple crystal structure is known for P: give a file"),
        ("CuNi", None, "does not tell its structure: say --prototype l10 or --prototype b2, or give a file"),
        ("GaN", None, "say --prototype b2 or --prototype rocksalt or --prototype zincblende"),
        ("TiO2", None, "say --prototype fluorite"),
        ("Co2Si", None, "say --prototype fluorite"),  # CoSi2 has that structure
        ("Fe2O3", None, "no prototype has the formula Fe2O3"),
        ("CaCO3", None, "does not tell its structure"),
        ("MgO", "fluorite", "MgO cannot be fluorite, which has atoms in the ratio 1:2"),
        ("MgO", "wurtzite", "unknown prototype 'wurtzite': give one of fcc, bcc, hcp"),
    ],
)
def test_what_cannot_be_made(formula, prototype, message):
    with pytest.raises(InputError, match=message):
        crystal_by_formula(formula, prototype)
