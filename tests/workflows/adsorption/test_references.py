"""References: every default balances, and what users write is read right or refused."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import ADSORBATES, adsorbate
from equical.workflows.adsorption.references import balance, format_reference, gas_molecule, reference_for


@pytest.mark.parametrize("name", ADSORBATES)
def test_defaults_balance(name):
    species = adsorbate(name)
    assert balance(reference_for(species), species) == Counter(species.atoms.symbols)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("O", "H2O − H2"),
        ("H", "½ H2"),
        ("N", "½ N2"),
        ("C", "CO + H2 − H2O"),
        ("OH", "H2O − ½ H2"),
        ("OOH", "2 H2O − 3/2 H2"),
        ("COOH", "CO + H2O − ½ H2"),
        ("CO", "CO"),
        ("NH3", "NH3"),
        ("O2", "O2"),
    ],
)
def test_default_stoichiometry(name, text):
    assert format_reference(reference_for(adsorbate(name))) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/2 O2", {"O2": Fraction(1, 2)}),
        ("½O2", {"O2": Fraction(1, 2)}),
        ("0.5*O2", {"O2": Fraction(1, 2)}),
        ("H2O - H2", {"H2O": 1, "H2": -1}),
        ("-H2 + H2O", {"H2O": 1, "H2": -1}),
        ("CO2 - CO", {"CO2": 1, "CO": -1}),
        ("O", {"O": 1}),
    ],
)
def test_expressions(text, expected):
    reference = reference_for(adsorbate("O"), text)
    assert reference == expected
    assert reference_for(adsorbate("O"), format_reference(reference, ascii=True)) == expected
    assert reference_for(adsorbate("O"), {name: float(number) for name, number in expected.items()}) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("O2", r"O2 makes O2, but the adsorbate is O: balance it, as in --reference 'H2O - H2'"),
        ("H2O", r"makes H2 O, but"),
        ("XeF9", "unknown reference molecule 'XeF9'"),
        ("", "empty"),
        ("H2O H2", "cannot read the reference"),
        ("1/2 O2 + file.xyz", "no such file: file.xyz"),
    ],
)
def test_wrong_expressions(text, message):
    with pytest.raises(InputError, match=message):
        reference_for(adsorbate("O"), text)


def test_elements_without_default_need_a_reference(tmp_path):
    write(tmp_path / "P4.xyz", Atoms("P4", np.eye(4, 3) * 1.6))
    phosphorus = adsorbate(Atoms("P"))
    with pytest.raises(InputError, match="no default reference for P.*--reference"):
        reference_for(phosphorus)
    path = str(tmp_path / "P4.xyz")
    assert reference_for(phosphorus, f"1/4 {path}") == {path: Fraction(1, 4)}


def test_a_molecule_from_a_file_is_its_own_reference():
    species = adsorbate(Atoms("NNH", [(0, 0, 0), (0, 0, 1.2), (0.9, 0, 1.6)]), binding=0)
    assert reference_for(species) == {species.name: 1}
    gas = gas_molecule(species.name, species)
    np.testing.assert_allclose(gas.get_all_distances(), species.atoms.get_all_distances())


def test_the_name_of_a_file_does_not_make_it_another_molecule(tmp_path):
    write(tmp_path / "CO.xyz", molecule("CH3OH"))
    species = adsorbate(tmp_path / "CO.xyz", binding=1)
    assert reference_for(species) == {"CO": 1}
    assert gas_molecule("CO", species).get_chemical_formula() == "CH4O"


def test_gas_molecules_are_alone_in_their_box():
    gas = gas_molecule("H2O", adsorbate("O"))
    assert not gas.pbc.any()
    assert gas.cell.lengths().min() > np.ptp(gas.positions, axis=0).max() + 14
    assert gas_molecule("H2S", adsorbate("S")).get_chemical_formula() == "H2S"
    assert len(gas_molecule("O", adsorbate("O"))) == 1
