"""What is the same, what decomposes, and what a search leaves open."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.spatial.transform import Rotation

from equical.workflows.search.composition import formula_of, reduced
from equical.workflows.search.duplicates import distinct
from equical.workflows.search.hull import formation_energies, fractions_of, hull_distances
from equical.workflows.search.ranking import Candidate, ranked


def stackings():
    """Close packings of one density: ABC, AB and ABAC."""
    a = 2.55
    c = a * (8 / 3) ** 0.5
    layers = [[0, 0, 0], [1 / 3, 2 / 3, 0.25], [0, 0, 0.5], [2 / 3, 1 / 3, 0.75]]
    double = Atoms("Cu4", cell=[[a, 0, 0], [-a / 2, a * 0.75**0.5, 0], [0, 0, 2 * c]], pbc=True)
    double.set_scaled_positions(layers)
    return [bulk("Cu", a=a * 2**0.5), bulk("Cu", "hcp", a=a, c=c), double]


def in_another_form(atoms, seed):
    """The same crystal, doubled, turned, in another cell, and not quite at rest."""
    other = atoms * (1, 2, 1)
    other.set_cell(other.cell.array @ Rotation.random(random_state=seed).as_matrix().T, scale_atoms=True)
    other.set_cell(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]]) @ other.cell.array)
    other = other[np.random.default_rng(seed).permutation(len(other))]
    other.positions += 1.3
    other.wrap()
    other.rattle(0.003, seed=seed)
    other.set_cell(other.cell * 1.002, scale_atoms=True)
    return other


def test_the_same_crystal_is_known_in_any_form_and_stackings_are_told_apart():
    structures = [*stackings(), *(in_another_form(one, seed) for seed, one in enumerate(stackings()))]
    energies = [0.0, 0.0005, 0.001, 0.0015, 0.0016, 0.0017]
    assert distinct(structures, energies) == [[0, 3], [1, 4], [2, 5]]


def test_energy_volume_and_formula_tell_structures_apart():
    copper, nickel = bulk("Cu", a=3.6), bulk("Ni", a=3.6)
    assert distinct([copper, copper], [0.01, 0.0]) == [[1], [0]]
    assert distinct([copper, bulk("Cu", a=3.7)], [0.0, 0.0]) == [[0], [1]]
    assert distinct([copper, nickel], [0.0, 0.0]) == [[0], [1]]
    assert distinct([copper, copper * 2], [0.001, 0.0]) == [[1, 0]]


def test_heights_above_a_hull_of_three_elements():
    compositions = [{"A": 1}, {"B": 1}, {"C": 1}, {"A": 1, "B": 1}, {"A": 1, "B": 1, "C": 1}, {"A": 2, "C": 1}]
    fractions = fractions_of(compositions, ["A", "B", "C"])
    energies = np.array([-1.0, -2.0, -3.0, -2.5, -2.6, -1.0])
    # ABC decomposes into AB and C, A2C into A and C.
    expected = [0, 0, 0, 0, -2.6 + (2 * 2.5 + 3) / 3, -1.0 + (2 * 1 + 3) / 3]
    np.testing.assert_allclose(hull_distances(fractions, energies), expected, atol=1e-9)
    formation = formation_energies(fractions, energies)
    np.testing.assert_allclose(formation, [0, 0, 0, -1.0, -0.6, 2 / 3], atol=1e-9)
    assert formation_energies(fractions[1:], energies[1:]) is None


def test_without_the_elements_what_cannot_decompose_is_on_the_hull():
    fractions = fractions_of([{"A": 1, "B": 1}, {"A": 1, "B": 3}, {"A": 1, "B": 2}], ["A", "B"])
    heights = hull_distances(fractions, np.array([-1.0, -1.0, -0.9]))
    np.testing.assert_allclose(heights, [0, 0, 0.1], atol=1e-9)


def test_duplicates_are_counted_and_mixtures_ranked_by_the_hull():
    def candidate(number, atoms, per_atom):
        atoms = atoms.copy()
        atoms.calc = SinglePointCalculator(atoms, energy=per_atom * len(atoms), forces=np.zeros((len(atoms), 3)))
        return Candidate(number, atoms, True)

    mixed = bulk("CuAu", "rocksalt", a=5.2)
    candidates = [
        candidate(0, bulk("Cu", a=3.6), 0.0),
        candidate(1, mixed, 0.02),
        candidate(2, bulk("Au", a=4.1), 0.01),
        candidate(3, bulk("Cu", a=3.6, cubic=True), -0.001),
        candidate(4, bulk("Cu", "bcc", a=2.9), 0.03),
    ]
    found = ranked(candidates, ["Au", "Cu"])
    assert [(one.formula, one.numbers) for one in found] == [
        ("Cu", (3, 0)), ("Au", (2,)), ("AuCu", (1,)), ("Cu", (4,))
    ]  # fmt: skip
    assert found[0].space_group == "Fm-3m (225)"
    assert [one.above_lowest for one in found] == pytest.approx([0, 0, 0, 0.031])
    assert found[2].above_hull == pytest.approx(0.02 - 0.0045)
    assert found[2].formation_energy == pytest.approx(0.02 - 0.0045)


def test_formulas_are_those_of_one_unit():
    assert reduced({"Si": 4, "O": 8}) == {"O": 2, "Si": 1}
    assert formula_of(reduced({"O": 6, "Al": 4})) == "Al2O3"
