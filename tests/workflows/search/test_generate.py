"""Random structures: the same ones always, with room for every pair and the symmetry they were made with."""

import numpy as np
import pytest
from ase import Atoms

from equical.errors import InputError
from equical.neighbors.build import pairs_within
from equical.workflows.common.spacegroup import ask_spglib
from equical.workflows.search import SearchSettings, generate
from equical.workflows.search.composition import composition_of, compositions
from equical.workflows.search.generate import random_structure
from equical.workflows.search.groups import drawn_group, orders
from equical.workflows.search.sizes import typical_radius, typical_volume


def closest(atoms, first, second):
    receiver, sender, _, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, 6.0)
    symbols = np.array(atoms.get_chemical_symbols())
    return distance[(symbols[receiver] == first) & (symbols[sender] == second)].min()


def test_a_structure_depends_on_the_seed_and_its_number_alone():
    few, many = (SearchSettings("SiO2", (1, 3), structures=number) for number in (4, 400))
    for number in (3, 0, 2):
        assert random_structure(few, number) == random_structure(many, number)
    other = SearchSettings("SiO2", (1, 3), seed=1)
    assert random_structure(few, 0) != random_structure(other, 0)
    assert random_structure(few, 0) != random_structure(few, 3)


@pytest.mark.parametrize("number", range(6))
def test_atoms_keep_their_distances_and_their_share_of_volume(number):
    settings = SearchSettings("SiO2", (2, 2), volume=12.0, distances={"O-O": 2.2, "O-Si": 1.5})
    atoms = random_structure(settings, number)
    assert atoms.get_chemical_formula() == "O4Si2" and atoms.pbc.all()
    assert closest(atoms, "O", "O") > 2.2 - 1e-4
    assert closest(atoms, "Si", "O") > 1.5 - 1e-4
    assert closest(atoms, "Si", "Si") > 0.85 * 2 * typical_radius(14) - 1e-4
    assert 0.79 * 12 < atoms.cell.volume / 6 < 1.21 * 12


@pytest.mark.parametrize("operations", [(2, 2), (3, 3), (4, 4), (8, 12)])
def test_structures_have_the_operations_they_were_made_with(operations):
    settings = SearchSettings("Cu6", volume=11.0, operations=operations)
    for number in range(2):
        atoms = random_structure(settings, number)
        cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
        found = len(np.unique(ask_spglib("get_symmetry", cell, symprec=1e-3)["rotations"], axis=0))
        assert any(found % order == 0 for order in operations)  # the order of a group is a multiple of its subgroup's


def test_every_space_group_is_a_group_in_its_primitive_cell():
    from equical.workflows.search.groups import _by_order, _group

    halls = [hall for choices in _by_order().values() for hall in choices]
    assert len(halls) == 230
    for order, choices in _by_order().items():
        for hall in choices[::4]:
            group = _group(hall)
            assert len(group.rotations) == order and (group.rotations[0] == np.eye(3)).all()
            known = {
                rotation.tobytes(): shift for rotation, shift in zip(group.rotations, group.translations, strict=True)
            }
            for rotation, shift in zip(group.rotations, group.translations, strict=True):
                product = group.rotations[-1] @ rotation
                expected = group.rotations[-1] @ shift + group.translations[-1] - known[product.tobytes()]
                assert np.abs(expected - np.rint(expected)).max() < 1e-6


def test_numbers_of_operations_are_drawn_from_those_that_exist():
    random = np.random.default_rng(0)
    assert orders() == [1, 2, 3, 4, 6, 8, 12, 16, 24, 48]
    assert {len(drawn_group(random, 2, 4).rotations) for _ in range(40)} == {2, 3, 4}
    with pytest.raises(InputError, match="there are 1, 2, 3, 4, 6, 8"):
        drawn_group(random, 5, 5)


def test_all_compositions_come_before_one_comes_again():
    choices = compositions("Li=0:3,Si=0:2")
    assert len(choices) == 11
    for seed in (0, 1):
        drawn = [composition_of(seed, number, choices) for number in range(22)]
        for turn in (drawn[:11], drawn[11:]):
            assert sorted(map(str, turn)) == sorted(map(str, choices))


def test_where_there_is_no_room_the_error_says_so(monkeypatch):
    monkeypatch.setattr(generate, "ATTEMPTS", 5)
    with pytest.raises(InputError, match=r"no room for Si4 in .* Å³ per atom, with 2.00 Å and more"):
        random_structure(SearchSettings("Si4", volume=3.0), 0)
    monkeypatch.setattr(generate, "_sites", lambda random, group, numbers: None)
    with pytest.raises(InputError, match="no sites for Si5 in space groups of 48 to 48 operations"):
        random_structure(SearchSettings("Si5", operations=(48, 48)), 0)


def test_room_is_that_of_the_elements():
    assert typical_volume(12) == pytest.approx(23.2, abs=0.1)  # hcp magnesium
    assert typical_volume(42) == pytest.approx(15.6, abs=0.1)  # bcc molybdenum
    assert typical_radius(42) == pytest.approx(1.36, abs=0.01)
    assert typical_radius(17) == 1.02  # no simple crystal
    settings = SearchSettings("Mo", (2, 2))
    volumes = [random_structure(settings, number).cell.volume / 2 for number in range(5)]
    assert 0.8 * 15.6 < np.mean(volumes) < 1.25 * 15.6


def test_cells_are_made_by_all_kinds_of_atoms():
    atoms = random_structure(SearchSettings("Li=2,Mg=1:1,O=2"), 0)
    assert isinstance(atoms, Atoms) and atoms.symbols.formula.count() == {"Li": 2, "Mg": 1, "O": 2}
