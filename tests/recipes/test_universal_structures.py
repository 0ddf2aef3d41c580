"""Structure number N of the universal recipe."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from ase.data import covalent_radii
from ase.io import read

from tests.recipes.conftest import ELEMENTS, METALS

FEW = range(10)

PUBLISHED = [
    ("perturbed", "AuCu3", 53.114, 7.988),
    ("packing", "CONi", 38.106, 5.346),
    ("perturbed", "NiAl3", 57.203, 7.209),
    ("hot", "Cu2", 23.874, 5.226),
    ("perturbed", "AgPd3", 54.628, 6.001),
    ("perturbed", "PdAu3", 53.893, 7.994),
    ("replaced", "PtO3", 67.570, 6.546),
    ("perturbed", "AuCu3", 58.958, 9.871),
    ("replaced", "Ni4", 57.540, 6.074),
]
"""Kind, formula, volume (Å³) and norm of the positions (Å) of the first crystals made from these parents."""


@pytest.fixture
def sources(universal, alloys):
    return universal("sources").Sources(tuple(alloys), ELEMENTS)


def made(universal, sources, kind, numbers=FEW):
    """Structures by number, without those that are not usable."""
    structure = universal("structures").structure
    found = {number: structure(kind, number, sources) for number in numbers}
    return {number: atoms for number, atoms in found.items() if atoms is not None}


KINDS = ("crystals", "large", "elements", "scans", "vibrations", "slabs", "defects", "molecules", "dimers", "atoms")


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_is_one_structure_and_another_number_another(universal, sources, kind):
    numbers = range(4)
    first, again = made(universal, sources, kind, numbers), made(universal, sources, kind, reversed(numbers))
    assert first.keys() == again.keys() and len(first) >= 3
    for number, atoms in first.items():
        np.testing.assert_array_equal(atoms.positions, again[number].positions)
        np.testing.assert_array_equal(atoms.cell.array, again[number].cell.array)
        np.testing.assert_array_equal(atoms.numbers, again[number].numbers)
        assert atoms.info["number"] == number
        assert {"kind", "parent"} <= set(atoms.info)
    distinct = {(str(atoms.symbols), atoms.positions.tobytes(), atoms.cell.array.tobytes()) for atoms in first.values()}
    assert len(distinct) == len(first)


@pytest.mark.parametrize("kind", KINDS)
def test_atoms_keep_their_distance(universal, sources, kind):
    nearest = universal("geometry").nearest
    closest = {"molecules": 0.5, "dimers": 0.49}.get(kind, 0.6)
    for atoms in made(universal, sources, kind).values():
        assert nearest(atoms) >= closest
        assert np.isfinite(atoms.positions).all()


def test_numbers_of_crystals_are_those_that_were_published(universal, sources):
    """The order of random draws must not change: shards of others rest on it."""
    found = made(universal, sources, "crystals", range(len(PUBLISHED))).values()
    assert [(atoms.info["kind"], str(atoms.symbols)) for atoms in found] == [row[:2] for row in PUBLISHED]
    sizes = [(atoms.get_volume(), np.linalg.norm(atoms.positions)) for atoms in found]
    np.testing.assert_allclose(sizes, [row[2:] for row in PUBLISHED], rtol=1e-3)


def test_no_number_of_those_that_others_judge_by_is_made(universal, sources):
    structures = universal("structures")
    assert structures.KINDS["crystals"].count == 200_000
    with pytest.raises(ValueError, match="0 to 199999"):
        structures.structure("crystals", 200_000, sources)


def test_slabs_have_vacuum_and_what_lies_on_them_touches_them(universal, sources):
    slabs = made(universal, sources, "slabs", range(30))
    sizes = [len(atoms) for atoms in slabs.values()]
    assert max(sizes) <= 24
    for atoms in slabs.values():
        heights = atoms.positions[:, 2]
        assert atoms.cell[2, 2] - np.ptp(heights) >= 7.99
        assert atoms.pbc.all()
    assert any(set(atoms.numbers) - set(METALS) for atoms in slabs.values())


def test_lowered_guests_stop_where_they_touch(universal):
    surfaces = universal("surfaces")
    slab = fcc111("Pt", (1, 1, 2), vacuum=6.0)
    top = slab.positions[:, 2].max()
    on_top = Atoms("O", positions=[[*slab.positions[-1, :2], top]])
    heights = np.array([1.0, 2.0])
    found = surfaces.closest_approach(slab, on_top, heights)
    radii = covalent_radii[[78, 8]].sum()
    np.testing.assert_allclose(found, heights / radii, rtol=1e-6)
    beyond = on_top.copy()
    beyond.positions += slab.cell.array[0]  # the same place in the next cell
    np.testing.assert_allclose(surfaces.closest_approach(slab, beyond, heights), found, rtol=1e-6)


def test_dimers_cover_every_pair_in_every_third_of_the_distances(universal, sources):
    pairs = list(combinations_with_replacement(ELEMENTS, 2))
    dimers = made(universal, sources, "dimers", range(3 * len(pairs)))
    thirds = {}
    for atoms in dimers.values():
        distance, radii = atoms.get_distance(0, 1), covalent_radii[atoms.numbers].sum()
        assert 0.5 * radii <= distance <= 5.5
        share = np.log(distance / (0.5 * radii)) / np.log(5.5 / (0.5 * radii))
        thirds.setdefault(tuple(atoms.numbers), set()).add(int(3 * share))
    assert thirds == {pair: {0, 1, 2} for pair in pairs}


@pytest.mark.parametrize("name", ["fcc Cu", "bcc Pt", "hcp Al"])
def test_scans_of_elements_cover_all_volumes(universal, sources, name):
    names = universal("prototypes").elemental_names(ELEMENTS)
    steps = universal("scans").STEPS
    numbers = range(names.index(name), steps * len(names), len(names))
    scan = made(universal, sources, "elements", numbers).values()
    assert {atoms.info["parent"] for atoms in scan} == {name}
    equilibrium = universal("prototypes").equilibria()[name]["volume"]
    ratios = [atoms.get_volume() / len(atoms) / equilibrium for atoms in scan]
    edges = np.linspace(0.72, 1.35, steps + 1)
    np.testing.assert_array_equal(np.histogram(ratios, edges)[0], 1)


def test_vibrations_are_close_to_equilibrium(universal, sources, alloys):
    volumes = {atoms.info["parent"]: atoms.get_volume() / len(atoms) for atoms in alloys}
    volumes |= {name: found["volume"] for name, found in universal("prototypes").equilibria().items()}
    for atoms in made(universal, sources, "vibrations").values():
        assert len(atoms) <= 24
        expected = volumes[atoms.info["parent"].replace("wurtzite", "zincblende")]
        assert atoms.get_volume() / len(atoms) == pytest.approx(expected, rel=0.05)


def test_random_rotations_are_no_reflections(universal):
    rotation = universal("geometry").random_rotation
    for seed in range(10):
        matrix = rotation(np.random.default_rng(seed))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1)


def test_the_command_writes_structures(universal, alloys_file, tmp_path, capsys, monkeypatch):
    structures = universal("structures")
    output = tmp_path / "look.extxyz"
    arguments = ["structures.py", "scans", "3", "4", "--parents", str(alloys_file), "--output", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    structures.main()
    assert "4 of 4 structures" in capsys.readouterr().out
    assert [atoms.info["number"] for atoms in read(output, ":")] == [3, 4, 5, 6]
    monkeypatch.setattr("sys.argv", ["structures.py"])
    structures.main()
    listed = capsys.readouterr().out
    assert all(f"{kind} " in listed for kind in structures.KINDS)
