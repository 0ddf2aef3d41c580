"""Slabs over ranges of crystals, lattice constants, faces and noise: right by numbers that the bulk crystal gives."""

import json
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list

from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.planes import stack_of_planes
from tests.fixtures.slabs.pymatgen_slabs import CENTRED, CRYSTALS, FCC, neighbours

FACES = [face for face in product(range(-3, 4), repeat=3) if np.gcd.reduce(face) == 1]
PYMATGEN = json.loads((Path(__file__).parents[2] / "fixtures" / "slabs" / "pymatgen.json").read_text())
RESOLVED = 0.02
"""Å. Planes are further apart than this, their atoms closer together."""


def make(kind: str, a: float, ratio: float) -> Atoms:
    """A crystal in its conventional cell, its lattice constant about ``a``, its c/a ``ratio`` times the ideal one."""
    match kind:
        case "fcc" | "bcc" | "diamond" | "rocksalt" | "zincblende" | "fluorite":
            formula = {"rocksalt": "MgO", "zincblende": "GaAs", "fluorite": "CeO2"}.get(kind, "Pt")
            return bulk(formula, kind, a=a * {"fcc": 1.0, "bcc": 0.8}.get(kind, 1.35), cubic=True)
        case "hcp":
            return bulk("Ru", "hcp", a=0.7 * a, c=0.7 * a * 1.633 * ratio)
        case "l12":
            return Atoms("NiPt3", scaled_positions=FCC, cell=[a] * 3, pbc=True)
        case "l10":
            return Atoms("Cu2Au2", scaled_positions=FCC, cell=[a, a, a * ratio], pbc=True)
        case "b2":
            return Atoms("NiAl", scaled_positions=CENTRED, cell=[0.8 * a] * 3, pbc=True)
    return Atoms("SrTiO3", scaled_positions=CENTRED + FCC[1:], cell=[a] * 3, pbc=True)


def planes_of_the_bulk(crystal: Atoms, face: tuple[int, int, int]) -> list[dict[int, float]]:
    """Planes of atoms from the bottom to the top within one period of the cell: how many of each element per Å²."""
    reciprocal = np.linalg.inv(crystal.cell[:]) @ face
    spacing = 1 / np.linalg.norm(reciprocal)
    area = crystal.get_volume() / spacing
    height = (crystal.get_scaled_positions() @ face * spacing + RESOLVED) % spacing
    return [
        {int(z): np.count_nonzero(plane == z) / area for z in plane}
        for plane in split_where_apart(height, crystal.numbers)
    ]


def planes_of_a_slab(slab: Atoms) -> list[dict[int, float]]:
    area = np.linalg.norm(np.cross(*slab.cell[:2]))
    planes = split_where_apart(slab.positions[:, 2], slab.numbers)
    return [{int(z): np.count_nonzero(plane == z) / area for z in plane} for plane in planes]


def split_where_apart(heights: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(heights)
    return np.split(values[order], np.flatnonzero(np.diff(heights[order]) > RESOLVED) + 1)


def assert_whole(slab: Atoms, ideal: Atoms, face: tuple[int, int, int]) -> None:
    """Every plane of a slab holds what a plane of the bulk holds, and they follow one another as in the bulk."""
    bulk_planes, slab_planes = planes_of_the_bulk(ideal, face), planes_of_a_slab(slab)
    for start in range(len(bulk_planes)):
        wanted = [bulk_planes[(start + i) % len(bulk_planes)] for i in range(len(slab_planes))]
        if all(a == pytest.approx(b, rel=1e-6) for a, b in zip(slab_planes, wanted, strict=True)):
            return
    pytest.fail(f"planes {slab_planes} are not those of the bulk, {bulk_planes}")


def assert_well_formed(slab: Atoms) -> None:
    """The cell is a right-handed, reduced one with the normal along +z."""
    cell = slab.cell[:]
    assert cell[[0, 0, 1, 2, 2], [1, 2, 2, 0, 1]] == pytest.approx(0, abs=1e-9)
    assert (np.diag(cell) > 0).all()
    a, b = np.linalg.norm(cell[:2], axis=1)
    assert a <= b * 1.001
    assert abs(cell[1, 0]) <= 0.5 * a + 2e-4 * b**2 / a  # 60° to 120°
    assert cell[2, 2] - np.ptp(slab.positions[:, 2]) == pytest.approx(15)


def draw(kind: str, noise: float, rng: np.random.Generator) -> tuple[Atoms, Atoms, tuple[int, int, int]]:
    """A crystal, without noise and with it, and a face."""
    ideal = make(kind, a=rng.uniform(3.4, 4.4), ratio=rng.uniform(0.9, 1.1))
    noisy = ideal.copy()
    noisy.positions += rng.normal(scale=noise, size=noisy.positions.shape)
    return ideal, noisy, FACES[rng.integers(len(FACES))]


def check_some(kind: str, noise: float, rng: np.random.Generator, count: int) -> None:
    for _ in range(count):
        ideal, noisy, face = draw(kind, noise, rng)
        layers, termination = int(rng.integers(3, 9)), int(rng.integers(0, 4))
        slab = build_slab(SlabFromBulk(noisy, face, layers=layers, termination=termination))
        assert len(set(slab.get_tags())) == layers
        assert_well_formed(slab)
        assert_whole(slab, ideal, face)
        stack = stack_of_planes(noisy, face)
        area = np.linalg.norm(np.cross(*slab.cell[:2]))
        assert len(stack.numbers) / (area * stack.cell[2, 2]) == pytest.approx(len(ideal) / ideal.get_volume())


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("kind", CRYSTALS)
def test_planes_are_those_of_the_bulk(kind, noise):
    check_some(kind, noise, np.random.default_rng([sum(kind.encode()), int(1e7 * noise)]), 8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CRYSTALS)
def test_planes_are_those_of_the_bulk_at_length(kind):
    rng = np.random.default_rng(sum(kind.encode()))
    for noise in (0.0, 1e-6, 1e-4, 1e-3):
        check_some(kind, noise, rng, 100)


@pytest.mark.parametrize(
    ("kind", "face"), [("fcc", (1, 1, 1)), ("fcc", (1, 1, 0)), ("bcc", (1, 1, 0)), ("l12", (1, 1, 1))]
)
def test_no_lattice_constant_splits_a_layer(kind, face):
    """Rounding at the boundary of the cell once put a part of a layer at the other end of the slab."""
    constants = [*np.linspace(3.5, 4.2, 21), 3.888, 3.914, 3.921]
    for a in constants:
        slab = build_slab(SlabFromBulk(make(kind, a, 1.0), face, layers=4))
        atoms = {"l12": 4}.get(kind, 1)
        assert np.bincount(slab.get_tags()).tolist() == [0, *[atoms] * 4]


@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("kind", CRYSTALS)
def test_inside_a_slab_atoms_are_surrounded_as_in_the_bulk(kind, noise):
    reach = 4.2
    rng = np.random.default_rng(sum(kind.encode()) + 100)
    ideal, noisy, face = draw(kind, noise, rng)
    stack = stack_of_planes(noisy, face)
    repeats = int(np.ceil((2 * reach + 1) / stack.cell[2, 2])) + 1
    slab = build_slab(SlabFromBulk(noisy, face, layers=repeats * stack.layers_per_repeat))
    heights = slab.positions[:, 2]
    inside = (heights > heights.min() + reach + 0.1) & (heights < heights.max() - reach - 0.1)
    assert inside.any()
    around = shells(slab, reach)
    wanted = [(z, shell) for z, shell in zip(ideal.numbers, shells(ideal, reach), strict=True)]
    for atom in np.flatnonzero(inside):
        assert any(
            z == slab.numbers[atom]
            and len(shell) == len(around[atom])
            and np.abs(shell - around[atom]).max() < 1e-6 + 9 * noise
            for z, shell in wanted
        )


def shells(atoms: Atoms, reach: float) -> list[np.ndarray]:
    """Sorted distances of each atom to its neighbours."""
    receiver, distance = neighbor_list("id", atoms, reach)
    return [np.sort(distance[receiver == atom]) for atom in range(len(atoms))]


@pytest.mark.parametrize("kind", ["rocksalt", "zincblende", "fluorite", "perovskite", "l12", "l10", "b2"])
def test_whole_repeat_units_have_the_formula_of_the_bulk(kind):
    rng = np.random.default_rng(sum(kind.encode()) + 200)
    for _ in range(6):
        ideal, noisy, face = draw(kind, 1e-4, rng)
        unit = stack_of_planes(noisy, face).layers_per_repeat
        slab = build_slab(SlabFromBulk(noisy, face, layers=2 * unit, termination=int(rng.integers(0, 4))))
        assert slab.symbols.formula.reduce()[0] == ideal.symbols.formula.reduce()[0]


@pytest.mark.parametrize("name", CRYSTALS)
def test_same_slabs_as_pymatgen(name):
    """The smallest cell has the same area, and cutting above each layer gives the same set of slabs."""
    for key, peer in PYMATGEN.items():
        kind, *face = key.split()
        if kind != name:
            continue
        face = tuple(map(int, face))
        unit = stack_of_planes(CRYSTALS[name], face)
        layers = unit.layers_per_repeat * peer["atoms"] // len(unit.numbers)
        found = set()
        for termination in range(unit.layers_per_repeat):
            slab = build_slab(SlabFromBulk(CRYSTALS[name], face, layers=layers, termination=termination))
            assert len(slab) == peer["atoms"]
            assert np.linalg.norm(np.cross(*slab.cell[:2])) == pytest.approx(peer["area"], abs=1e-4)
            found.add(tuple(neighbours(slab)))
        theirs = {tuple(each) for each in peer["neighbours"]}
        buckled = any(np.ptp(unit.positions[unit.layers == layer, 2]) > 0.1 for layer in set(unit.layers))
        assert found < theirs if buckled else found == theirs, key  # pymatgen tells planes 0.1 Å apart from each other


def test_noise_changes_neither_cell_nor_termination():
    rng = np.random.default_rng(7)
    for kind, face in product(("fcc", "hcp", "perovskite", "zincblende"), ((1, 1, 1), (2, 1, 0), (1, 0, 1))):
        ideal = make(kind, 3.9, 1.0)
        recipe = {"miller": face, "layers": 5}
        clean = build_slab(SlabFromBulk(ideal, **recipe))
        for noise in (1e-6, 1e-3):
            noisy = ideal.copy()
            noisy.positions += rng.normal(scale=noise, size=noisy.positions.shape)
            slab = build_slab(SlabFromBulk(noisy, **recipe))
            np.testing.assert_allclose(slab.cell[:2], clean.cell[:2], atol=1e-9)
            for upper, lower in pairwise(range(1, 6)):
                assert (
                    slab[slab.get_tags() == upper].symbols.formula == clean[clean.get_tags() == upper].symbols.formula
                )
                assert (
                    slab.positions[slab.get_tags() == lower, 2].max()
                    < slab.positions[slab.get_tags() == upper, 2].min()
                )
