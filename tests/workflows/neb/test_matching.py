"""Which atom goes where, which way round, and what is doubtful about it."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc100, molecule
from ase.constraints import FixAtoms, FixCartesian
from scipy.spatial.transform import Rotation

from equical.errors import InputError
from equical.workflows.neb.band import first_path
from equical.workflows.neb.judgement import kinks
from equical.workflows.neb.matching import matched


def chain(*places, symbols=None, length=20.0):
    """Atoms on a line."""
    symbols = symbols or f"H{len(places)}"
    return Atoms(symbols, [[x, 0, 0] for x in places], cell=[length, 10, 10], pbc=True)


def test_atoms_go_the_short_way_in_the_order_of_the_initial_structure():
    initial = chain(1.0, 6.0, 19.0, symbols="HHeH")
    end = matched(initial, chain(8.0, 0.5, 22.0, symbols="HeHH"), keep_order=False)
    assert end.get_chemical_symbols() == ["H", "He", "H"]
    assert end.positions[:, 0] == pytest.approx([2.0, 8.0, 20.5])


def test_elements_are_not_exchanged():
    with pytest.raises(InputError, match=r"atom 0 is H in the initial structure and He in the final one"):
        matched(chain(1.0, 6.0, symbols="HHe"), chain(6.0, 1.0, symbols="HeH"), keep_order=True)


def test_an_order_that_makes_atoms_travel_is_doubted():
    initial, final = chain(1.0, 6.0, 11.0), chain(6.0, 1.0, 11.5)
    with pytest.warns(
        UserWarning, match=r"in the order given, 2 atoms move by up to 5\.00 Å.*0\.25 Å² instead of 50\.25"
    ):
        kept = matched(initial, final, keep_order=True)
    assert kept.positions[:, 0] == pytest.approx([6.0, 1.0, 11.5])
    assert matched(initial, final, keep_order=False).positions[:, 0] == pytest.approx([1.0, 6.0, 11.5])


def test_hop_and_exchange_of_an_adatom_are_equally_short():
    slab = fcc100("Al", (3, 3, 2), vacuum=6.0)
    ends = [slab.copy(), slab.copy()]
    add_adsorbate(ends[0], "Al", 2.0, "hollow")
    add_adsorbate(ends[1], "Al", 2.0, "hollow", offset=(1, 1))
    with pytest.warns(
        UserWarning, match=r"which atom goes where is not certain: another matching, of Al\d+, Al\d+, is nea"
    ):
        matched(*ends, keep_order=False)


def test_half_the_cell_can_be_crossed_either_way():
    with pytest.warns(UserWarning, match="H1 goes half-way across the cell, and could as well go the other way"):
        matched(chain(1.0, 5.0, symbols="HeH"), chain(1.0, 14.8, symbols="HeH"), keep_order=True)


def test_frozen_atoms_stay():
    initial, final = chain(1.0, 6.0), chain(1.005, 7.0)
    initial.set_constraint(FixAtoms([0]))
    assert matched(initial, final, keep_order=False).positions[:, 0].tolist() == [1.0, 7.0]
    final.positions[0] += [0.2, 0, 0]
    with pytest.raises(InputError, match=r"hold H0, which is 0\.2.* Å away in the final one: frozen atoms must be"):
        matched(initial, final, keep_order=False)


def test_a_free_molecule_is_turned_onto_the_other_and_its_atoms_sorted():
    initial = molecule("CH3OH")
    final = initial[[0, 1, 3, 2, 5, 4]]
    final.positions = 5.0 + Rotation.from_euler("xyz", [112, 25, -70], degrees=True).apply(final.positions)
    end = matched(initial, final, keep_order=False)
    np.testing.assert_allclose(end.positions, initial.positions, atol=1e-6)


def test_atoms_that_change_places_pass_each_other():
    initial = Atoms("Cu4", [[0, 0, 0], [2.5, 0, 0], [1.25, 6, 0], [1.25, -6, 0]], cell=[15, 18, 15], pbc=True)
    final = initial[[1, 0, 2, 3]]
    path = first_path(initial, final, 3)
    assert len(path) == 5
    for image in path:
        assert image.get_distance(0, 1, mic=True) > 1.0
    np.testing.assert_array_equal(path[-1].positions, final.positions)


def test_atoms_that_cannot_pass_are_told():
    on_a_line = FixCartesian([0, 1], mask=[False, True, True])
    initial = Atoms("Cu2", [[0, 0, 0], [2.5, 0, 0]], cell=[15, 15, 15], pbc=True, constraint=on_a_line)
    with pytest.raises(InputError, match=r"Cu0 and Cu1 come within .* of each other near image \d .*\(--path\)"):
        first_path(initial, initial[[1, 0]], 3)


def test_kinks():
    corner = [Atoms("H", [place]) for place in ([0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0])]
    assert kinks(corner) == pytest.approx([0, 90])
