"""Whole layers for any crystal, plane and lattice constant: what is cut off must be what the crystal consists of."""

from itertools import product
from math import gcd

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers
from ase.spacegroup import crystal

from equical.neighbors import neighbor_list
from equical.workflows.adsorption.build import SlabFromBulk, build_slab, bulk_crystal
from equical.workflows.adsorption.slabs import count_layers, layers_of

CUBIC = [90, 90, 90]


def l12(a):
    return crystal(["Au", "Cu"], [(0, 0, 0), (0, 0.5, 0.5)], spacegroup=221, cellpar=[a] * 3 + CUBIC)


def l10(a):
    return Atoms(
        "AuCu", scaled_positions=[(0, 0, 0), (0.5, 0.5, 0.5)], cell=[a / 2**0.5, a / 2**0.5, 0.93 * a], pbc=True
    )


def perovskite(a):
    sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    return crystal(["Sr", "Ti", "O"], sites, spacegroup=221, cellpar=[a] * 3 + CUBIC)


CRYSTALS = {
    "fcc": (lambda a: bulk("Pt", "fcc", a=a), 3.5, 4.2),
    "bcc": (lambda a: bulk("Fe", "bcc", a=a), 2.7, 3.4),
    "hcp": (lambda a: bulk("Ru", "hcp", a=a, c=1.6 * a), 2.5, 3.2),
    "diamond": (lambda a: bulk("Si", "diamond", a=a), 3.5, 5.7),
    "L1_2": (l12, 3.6, 4.1),
    "L1_0": (l10, 3.7, 4.1),
    "B2": (lambda a: bulk("NiAl", "cesiumchloride", a=a), 2.8, 3.3),
    "rock salt": (lambda a: bulk("MgO", "rocksalt", a=a), 4.1, 5.7),
    "zinc blende": (lambda a: bulk("GaAs", "zincblende", a=a), 5.3, 6.2),
    "fluorite": (lambda a: bulk("CaF2", "fluorite", a=a), 5.2, 5.7),
    "perovskite": (perovskite, 3.8, 4.1),
}
FACETS = [m for m in product(range(4), range(-1, 4), range(4)) if gcd(*m) == 1 and sum(map(abs, m)) < 8]


def shells(atoms, which, cutoff):
    """Sorted squared distances and elements around each of some atoms."""
    found = neighbor_list(atoms.positions, atoms.cell[:], atoms.pbc, cutoff)
    vectors = atoms.positions[found.sender] + found.shift @ atoms.cell[:] - atoms.positions[found.receiver]
    lengths = np.linalg.norm(vectors, axis=1).round(2)
    return {
        tuple(sorted(zip(atoms.numbers[found.sender[here]].tolist(), lengths[here].tolist(), strict=True)))
        for here in (found.receiver == atom for atom in which)
    }


def spacing(primitive, normal):
    """Å between lattice planes, by looking at lattice points near by; and the number of atoms on one plane's share."""
    points = np.array(list(product(range(-7, 8), repeat=3))) @ primitive.cell[:]
    heights = np.abs(points @ normal / np.linalg.norm(normal))
    return float(heights[heights > 1e-3].min())


@pytest.mark.parametrize("name", CRYSTALS)
def test_layers_are_whole_and_the_cell_is_the_smallest(name):
    make, low, high = CRYSTALS[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    for miller in rng.permutation(FACETS)[:24].tolist():
        start = make(rng.uniform(low, high))
        start.positions += rng.choice([0.0, 1e-6]) * rng.normal(size=start.positions.shape)
        start.positions += rng.uniform(-9, 9, 3)
        conventional, primitive = bulk_crystal(start), start
        normal = np.linalg.inv(conventional.cell[:]) @ miller
        distance = spacing(primitive, normal)
        area = primitive.cell.volume / distance
        layers = int(rng.integers(4, 13))
        slab = build_slab(SlabFromBulk(start, miller, layers=layers, termination=int(rng.integers(3)), relax=False))
        assert np.linalg.norm(np.cross(*slab.cell[:2])) <= area * 1.001, (name, miller)
        assert count_layers(slab) == layers
        assert slab.cell.handedness == 1
        # As many atoms as the crystal has in this volume: repeat until one lattice plane follows another.
        levels = [slab.numbers[layers_of(slab) == level] for level in range(layers)]
        share = np.linalg.norm(np.cross(*slab.cell[:2])) / area
        heights = np.array([slab.positions[layers_of(slab) == level, 2].mean() for level in range(layers)])
        for lower in range(layers):
            above = np.flatnonzero(np.isclose(heights, heights[lower] + distance, atol=0.02))
            if len(above):
                between = np.concatenate(levels[lower : above[0]])
                assert len(between) == pytest.approx(share * len(primitive), abs=1e-3), (name, miller)
                assert sorted(levels[lower]) == sorted(levels[above[0]])


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_middle_of_a_thick_slab_is_the_crystal(name):
    make, low, high = CRYSTALS[name]
    rng = np.random.default_rng(1 + sum(map(ord, name)))
    for miller in rng.permutation(FACETS)[:6].tolist():
        start = make(rng.uniform(low, high))
        cutoff = 1.02 * start.cell.volume ** (1 / 3)
        layers = 12
        while True:
            slab = build_slab(SlabFromBulk(start, miller, layers=layers, relax=False))
            if np.ptp(slab.positions[:, 2]) > 2 * cutoff + 1:
                break
            layers += 6
        z = slab.positions[:, 2]
        deep = np.flatnonzero((z > z.min() + cutoff) & (z < z.max() - cutoff))
        assert shells(slab, deep, cutoff) <= shells(start, range(len(start)), cutoff), (name, miller)


def test_closely_spaced_planes_are_layers_too():
    slab = build_slab(SlabFromBulk(bulk("Fe", "bcc", a=2.87), (3, 3, 1), layers=9, relax=False))
    assert (len(slab), count_layers(slab)) == (9, 9)


def test_buckled_layers_stay_together():
    start = bulk("NiAl", "cesiumchloride", a=2.9) * 2
    start.positions[:, 2] += 0.05 * (start.numbers == atomic_numbers["Al"]) * np.sign(start.positions[:, 0] - 2)
    slab = build_slab(SlabFromBulk(start, (0, 0, 1), layers=5, relax=False))
    assert count_layers(slab) == 5
    assert len(set(np.bincount(layers_of(slab)).tolist())) == 1
