"""Slabs from crystals: the same surfaces as ASE's own builders, and any other."""

import numpy as np
import pytest
from ase.build import (
    bcc100,
    bcc110,
    bcc111,
    bulk,
    diamond100,
    diamond111,
    fcc100,
    fcc110,
    fcc111,
    fcc211,
    hcp0001,
    hcp10m10,
)
from ase.io import write
from ase.neighborlist import neighbor_list
from ase.spacegroup import crystal

from equical.errors import InputError
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.slabs import count_layers, layers_of


def environment(slab):
    """Distances in each atom's neighbourhood, of all atoms by their sum: the same for the same slab in any cell."""
    receiver, distance = neighbor_list("id", slab, 5.0)
    shells = [np.sort(distance[receiver == atom]) for atom in range(len(slab))]
    return np.concatenate(sorted(shells, key=np.sum))


@pytest.mark.parametrize(
    ("element", "miller", "layers", "size", "peer"),
    [
        ("Pt", (1, 1, 1), 4, (2, 3), fcc111("Pt", (2, 3, 4), vacuum=8)),
        ("Cu", (1, 0, 0), 3, (2, 2), fcc100("Cu", (2, 2, 3), vacuum=8)),
        ("Ag", (1, 1, 0), 5, (2, 1), fcc110("Ag", (2, 1, 5), vacuum=8)),
        ("Fe", (1, 1, 0), 4, (2, 2), bcc110("Fe", (2, 2, 4), vacuum=8)),
        ("Pt", (2, 1, 1), 9, (2, 1), fcc211("Pt", (3, 2, 3), vacuum=8)),
        ("Ru", (0, 0, 1), 4, (2, 2), hcp0001("Ru", (2, 2, 4), vacuum=8)),
        ("Fe", (1, 0, 0), 4, (2, 2), bcc100("Fe", (2, 2, 4), vacuum=8)),
        ("Fe", (1, 1, 1), 6, (1, 2), bcc111("Fe", (1, 2, 6), vacuum=8)),
        ("Si", (1, 0, 0), 6, (2, 2), diamond100("Si", (2, 2, 6), vacuum=8)),
    ],
)
def test_same_slab_as_ase(element, miller, layers, size, peer):
    slab = build_slab(SlabFromBulk(element, miller, layers=layers, size=size))
    assert len(slab) == len(peer)
    assert slab.cell[2, 2] - np.ptp(slab.positions[:, 2]) == pytest.approx(15)
    np.testing.assert_allclose(environment(slab), environment(peer), atol=1e-3)
    assert slab.cell[0, 1:] == pytest.approx([0, 0], abs=1e-9)
    assert (np.diff(slab.positions[:, 2]) > -1e-3).all()  # from the bottom to the top


@pytest.mark.parametrize(
    ("element", "miller", "layers", "size", "peer"),
    [
        ("Si", (1, 1, 1), 6, (2, 2), diamond111("Si", (2, 2, 6), vacuum=8)),
        ("Ru", (1, 0, 0), 8, (2, 1), hcp10m10("Ru", (2, 2, 4), vacuum=8)),
    ],
)
def test_where_ase_cuts_a_narrow_gap(element, miller, layers, size, peer):
    """Its slab is our second termination; the first one ends below the wide gap, with fewer dangling bonds."""
    recipe = {"layers": layers, "size": size}
    same = build_slab(SlabFromBulk(element, miller, **recipe, termination=1))
    np.testing.assert_allclose(environment(same), environment(peer), atol=1e-3)
    other = environment(build_slab(SlabFromBulk(element, miller, **recipe)))
    assert len(other) != len(environment(peer)) or np.abs(other - environment(peer)).max() > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_rounding_cuts_no_layer_in_two(monkeypatch, seed):
    """Atoms at the cell boundary are at zero, or, by rounding, just below: at the other end of the cell."""
    noise, solve = np.random.default_rng(seed), np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda a, b: solve(a, b) + noise.normal(0, 1e-15, b.shape))
    slab = build_slab(SlabFromBulk("Pt", (2, 1, 1), layers=9, size=(2, 1)))
    assert len(slab) == 18
    assert count_layers(slab) == 9


def test_any_cell_of_the_crystal_gives_the_same_surface(tmp_path):
    write(tmp_path / "primitive.cif", bulk("Cu"))
    given = build_slab(SlabFromBulk(tmp_path / "primitive.cif", (1, 0, 0), layers=4))
    named = build_slab(SlabFromBulk("Cu", (1, 0, 0), layers=4))
    assert len(given) == 4
    np.testing.assert_allclose(given.cell.cellpar(), named.cell.cellpar(), atol=1e-4)


def test_default_thickness():
    for miller in ((1, 1, 1), (1, 0, 0), (2, 1, 1)):
        slab = build_slab(SlabFromBulk("Cu", miller))
        assert count_layers(slab) >= 4
        assert np.ptp(slab.positions[:, 2]) >= 5.0
    for element in ("Cu", "Pb"):  # three layers of lead are thick enough, but three are few
        assert count_layers(build_slab(SlabFromBulk(element, (1, 1, 1)))) == 4


def test_four_indices_are_for_hexagonal_crystals():
    three = build_slab(SlabFromBulk("Ru", (1, 0, 0), layers=4))
    four = build_slab(SlabFromBulk("Ru", (1, 0, -1, 0), layers=4))
    np.testing.assert_allclose(three.positions, four.positions)
    with pytest.raises(InputError, match="add up to 0"):
        SlabFromBulk("Ru", (1, 0, 1, 0))


def test_terminations_of_an_ordered_alloy():
    alloy = crystal(["Au", "Cu"], [(0, 0, 0), (0, 0.5, 0.5)], spacegroup=221, cellpar=[3.75] * 3 + [90] * 3)  # L1_2
    tops = []
    for termination in range(5):
        slab = build_slab(SlabFromBulk(alloy, (1, 0, 0), layers=4, termination=termination))
        assert count_layers(slab) == 4
        tops.append(slab[layers_of(slab) == 3].get_chemical_formula())
    assert sorted(tops[:2]) == ["AuCu", "Cu2"]
    assert tops[2:] == [*tops[:2], tops[0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"miller": (0, 0, 0)}, "not all zero"),
        ({"miller": (1, 1)}, "three Miller indices"),
        ({"layers": 0}, "positive whole numbers"),
        ({"size": (0, 1)}, "positive whole numbers"),
        ({"vacuum": 3.0}, "3 Å of vacuum"),
        ({"termination": -1}, "negative"),
    ],
)
def test_unusable_recipes(options, message):
    with pytest.raises(InputError, match=message):
        SlabFromBulk("Pt", **options)
