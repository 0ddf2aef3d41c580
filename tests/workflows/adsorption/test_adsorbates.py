"""Adsorbates: names, geometries, molecules from files."""

import re
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import covalent_radii
from ase.io import write
from scipy.sparse.csgraph import connected_components

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import ADSORBATES, adsorbate
from equical.workflows.adsorption.oc20 import OC20_ADSORBATES
from equical.workflows.adsorption.references import gas_molecule, reference_for

NAMED = ["O", "H", "OH", "CO", "NO", "H2O", "CH3", "OOH", "N", "C", "CH", "CH2", "NH", "NH2", "NH3", "CHO", "COOH"]
ELEMENTS_OF = {"OOH": "OOH", "CHO": "CHO", "COOH": "COOH", "HCOO": "HCOO", "CH3OH": "CH3OH"}


@pytest.mark.parametrize("name", ADSORBATES)
def test_geometries_are_sensible(name):
    made = adsorbate(name)
    assert Counter(made.atoms.symbols) == Counter(Atoms(ELEMENTS_OF.get(name, name)).symbols)
    np.testing.assert_allclose(made.atoms.positions[list(made.binding)].mean(axis=0), 0, atol=1e-12)
    assert made.atoms.positions[:, 2].min() >= {"CH4": -0.37}.get(name, -1e-9)  # the surface is below
    distance = made.atoms.get_all_distances()
    ratio = distance / (covalent_radii[made.atoms.numbers][:, None] + covalent_radii[made.atoms.numbers])
    np.fill_diagonal(ratio, 9.0)
    assert ratio.min() > 0.75
    assert connected_components(ratio < 1.2)[0] == 1  # in one piece
    assert distance[(ratio > 1.2) & (ratio < 9)].min(initial=9.0) > 1.45  # what is not bonded


def test_wanted_names_are_there():
    assert set(NAMED) | {"O2", "H2"} <= set(ADSORBATES)
    assert adsorbate("*CH2*O").name == adsorbate("H2CO").name == "CH2O"
    assert adsorbate("CH3CHO").name == "OCHCH3"
    assert adsorbate("OH*").name == adsorbate("*OH").name == adsorbate("HO").name == "OH"
    assert adsorbate("COOH").atoms.symbols[0] == adsorbate("CHO").atoms.symbols[0] == "C"
    assert adsorbate("O2").binding == (0, 1)


def test_all_adsorbates_of_oc20_are_there():
    """Under their names there, with the atoms behind the stars as those that bind."""
    assert len(set(OC20_ADSORBATES)) == 82
    for name in OC20_ADSORBATES:
        made = adsorbate(name)
        stars = re.findall(r"\*([A-Z])", name)
        if name != "*N2":  # which lies down here, and is tried upright too
            assert [made.atoms.symbols[atom] for atom in made.binding] == stars, name
        assert Counter(made.atoms.symbols) == Counter(Atoms(name.replace("*", "")).symbols), name


def test_bonds_are_those_of_the_name():
    """Acetaldehyde bound through oxygen, vinyl through carbon, and so on: who is bonded to whom."""
    for name, bonds in {
        "OCHCH3": {"CO": 1, "CC": 1, "CH": 4},
        "CHOHCH2OH": {"CO": 2, "CC": 1, "CH": 3, "HO": 2},
        "NH2N(CH3)2": {"NN": 1, "CN": 2, "CH": 6, "HN": 2},
        "OHNNCH3": {"NO": 1, "NN": 1, "CN": 1, "CH": 3, "HO": 1},
        "NO2NO2": {"NN": 1, "NO": 4},
    }.items():
        atoms = adsorbate(name).atoms
        radii = covalent_radii[atoms.numbers]
        close = np.argwhere(np.triu(atoms.get_all_distances() < 1.2 * (radii[:, None] + radii), 1))
        assert Counter("".join(sorted(atoms.symbols[pair])) for pair in close) == bonds, name


def test_molecules_are_their_own_reference_with_the_geometry_of_the_gas():
    ethylene = adsorbate("CH2CH2")
    assert reference_for(ethylene) == {"CH2CH2": 1}
    gas = gas_molecule("CH2CH2", ethylene)
    assert np.linalg.matrix_rank(gas.positions - gas.positions.mean(axis=0), tol=0.05) == 2  # flat
    assert reference_for(adsorbate("CH2CH3")) == {"CO": 2, "H2": Fraction(9, 2), "H2O": -2}


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown adsorbate 'XY'.*OOH, CHO.*--binding-atom"):
        adsorbate("XY")
    with pytest.raises(InputError, match="the binding atom of CO is known"):
        adsorbate("CO", binding=1)


def test_molecule_from_a_file(tmp_path):
    path = tmp_path / "ethanol.xyz"
    write(path, molecule("CH3CH2OH"))
    with pytest.raises(InputError, match=r"which atom of ethanol binds.*0 C, 1 C, 2 O"):
        adsorbate(path)
    with pytest.raises(InputError, match=r"atoms 0 to 8; there is no binding atom \[9\]"):
        adsorbate(path, binding=9)
    with pytest.raises(InputError, match="no such file"):
        adsorbate(tmp_path / "nothing.xyz", binding=0)
    made = adsorbate(path, binding=2, tilts=[0, 30])
    assert (made.name, made.tilts, made.gas) == ("ethanol", (0.0, 30.0), True)
    assert made.atoms.positions[2] == pytest.approx([0, 0, 0])
    np.testing.assert_allclose(made.atoms.get_all_distances(), molecule("CH3CH2OH").get_all_distances(), atol=1e-6)


def test_molecule_standing_on_its_head_is_turned_over():
    upside_down = Atoms("CO", [(0, 0, 5), (0, 0, 3.85)])
    assert adsorbate(upside_down, binding=0).atoms.positions[1, 2] == pytest.approx(1.15)
    assert upside_down.positions[1, 2] == 3.85


def test_two_binding_atoms():
    made = adsorbate(Atoms("OCO", [(-1.1, 0, 0), (0, 0, 0.5), (1.1, 0, 0)]), binding=[0, 2])
    assert made.binding == (0, 2)
    assert made.atoms.positions[1] == pytest.approx([0, 0, 0.5])
