"""Adsorbates: names, geometries, molecules from files."""

from collections import Counter

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.data import covalent_radii
from ase.io import write
from scipy.sparse.csgraph import connected_components

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import ADSORBATES, adsorbate

NAMED = ["O", "H", "OH", "CO", "NO", "H2O", "CH3", "OOH", "N", "C", "CH", "CH2", "NH", "NH2", "NH3", "CHO", "COOH"]
ELEMENTS_OF = {"OOH": "OOH", "CHO": "CHO", "COOH": "COOH", "HCOO": "HCOO", "CH3OH": "CH3OH"}


@pytest.mark.parametrize("name", ADSORBATES)
def test_geometries_are_sensible(name):
    made = adsorbate(name)
    assert Counter(made.atoms.symbols) == Counter(Atoms(ELEMENTS_OF.get(name, name)).symbols)
    np.testing.assert_allclose(made.atoms.positions[list(made.binding)].mean(axis=0), 0, atol=1e-12)
    assert made.atoms.positions[:, 2].min() >= 0  # the surface is below
    distance = made.atoms.get_all_distances()
    ratio = distance / (covalent_radii[made.atoms.numbers][:, None] + covalent_radii[made.atoms.numbers])
    np.fill_diagonal(ratio, 9.0)
    assert ratio.min() > 0.75
    assert connected_components(ratio < 1.2)[0] == 1  # in one piece


def test_wanted_names_are_there():
    assert set(NAMED) | {"O2", "H2"} <= set(ADSORBATES)
    assert adsorbate("OH*").name == adsorbate("*OH").name == adsorbate("HO").name == "OH"
    assert adsorbate("COOH").atoms.symbols[0] == adsorbate("CHO").atoms.symbols[0] == "C"
    assert adsorbate("O2").binding == (0, 1)


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
