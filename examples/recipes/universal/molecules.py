"""Matter without a lattice: single atoms, two of them at any distance, molecules alone, in pairs, and packed."""

from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.collections import g2
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from geometry import CLOSEST, contact, log_uniform, nearest, random_rotation, rattle
from sources import Sources

FARTHEST = 5.5
"""Å, of two atoms."""

SHORTEST = 0.5
"""Of two atoms, in units of the sum of their covalent radii."""

THIRDS = 3
"""Every pair of elements is drawn once in each third of the logarithm of the distance before any comes again."""

PACKED = (
    "H2",
    "H2O",
    "NH3",
    "CH4",
    "CO2",
    "CO",
    "N2",
    "O2",
    "F2",
    "Cl2",
    "HF",
    "HCl",
    "HCN",
    "SH2",
    "SO2",
    "CH3OH",
    "C2H2",
)
"""Molecules that are condensed: those of ices and small enough to be several in a cell."""


def single_atom(number: int, rng: np.random.Generator, sources: Sources) -> Atoms:
    """Each element in turn."""
    return Atoms(numbers=[sources.elements[number]], info={"kind": "atoms", "parent": "none"})


def dimer(number: int, rng: np.random.Generator, sources: Sources) -> Atoms:
    """Each pair of elements in turn, over and over."""
    pairs = list(combinations_with_replacement(sources.elements, 2))
    turn, which = divmod(number, len(pairs))
    third = (turn + which) % THIRDS
    share = (third + rng.random()) / THIRDS
    low = SHORTEST * covalent_radii[list(pairs[which])].sum()
    distance = low * (FARTHEST / low) ** share
    return Atoms(
        numbers=pairs[which], positions=[[0, 0, 0], [0, 0, distance]], info={"kind": "dimers", "parent": "none"}
    )


def molecular(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """A molecule out of shape (half of them), two molecules that meet (a fifth), or several in a small cell."""
    for _ in range(40):
        what = rng.random()
        atoms = lone(rng) if what < 0.5 else meeting(rng) if what < 0.7 else packed(rng)
        if len(atoms) > 1 and set(atoms.numbers) <= set(sources.elements) and nearest(atoms) >= CLOSEST - 0.1:
            atoms.info = {"kind": "molecules", "parent": "none"}
            return atoms
    return None


def turned(rng: np.random.Generator, name: str) -> Atoms:
    """A molecule around the origin in a random orientation."""
    atoms = molecule(name)
    atoms.positions = (atoms.positions - atoms.positions.mean(axis=0)) @ random_rotation(rng).T
    atoms.set_initial_magnetic_moments(None)
    return atoms


def lone(rng: np.random.Generator) -> Atoms:
    """A molecule of the G2 set: one atom pulled away or pushed in, or all of it swollen or shrunk; and shaken."""
    atoms = turned(rng, str(rng.choice(g2.names)))
    change = rng.random()
    if change < 0.4 and len(atoms) > 1:
        moved = int(rng.integers(len(atoms)))
        others = np.delete(np.arange(len(atoms)), moved)
        partner = int(others[np.argmin(atoms.get_distances(moved, others))])
        bond = atoms.positions[moved] - atoms.positions[partner]
        atoms.positions[moved] = atoms.positions[partner] + bond * log_uniform(rng, 0.8, 2.0)
    elif change < 0.7:
        atoms.positions *= log_uniform(rng, 0.85, 1.3)
    rattle(rng, atoms, 0.01, 0.2)
    return atoms


def meeting(rng: np.random.Generator) -> Atoms:
    """Two molecules whose nearest atoms are one to three sums of covalent radii apart."""
    first, second = (turned(rng, str(rng.choice(g2.names))) for _ in range(2))
    direction = random_rotation(rng)[0]
    apart = log_uniform(rng, 1.0, 3.0)
    distance = 12.0
    while distance > 0:
        both = first + second
        both.positions[len(first) :] += distance * direction
        lengths = np.linalg.norm(both.positions[: len(first), None] - both.positions[len(first) :], axis=-1)
        radii = covalent_radii[first.numbers][:, None] + covalent_radii[second.numbers]
        if (lengths / radii).min() < apart:
            break
        distance -= 0.1
    rattle(rng, both, 0.01, 0.1)
    return both


def packed(rng: np.random.Generator) -> Atoms:
    """Two to six molecules of one or two sorts in a random cell, which shrinks until they come close."""
    sorts = rng.choice(PACKED, 2)
    members = [turned(rng, str(sorts[int(rng.random() < 0.25)])) for _ in range(int(rng.integers(2, 7)))]
    owner = np.repeat(np.arange(len(members)), [len(member) for member in members])
    cell = np.diag(np.exp(rng.uniform(-0.3, 0.3, 3))) + np.triu(rng.uniform(-0.3, 0.3, (3, 3)), 1)
    cell *= (200.0 * len(members) / np.linalg.det(cell)) ** (1 / 3)
    centres = rng.random((len(members), 3))
    touch = log_uniform(rng, 1.2, 2.5)
    atoms = assembled(members, centres, cell)
    while closest_molecules(atoms, owner) > touch and atoms.get_volume() / len(atoms) > 5:
        cell *= 0.97
        atoms = assembled(members, centres, cell)
    rattle(rng, atoms, 0.01, 0.1)
    return atoms


def assembled(members: list[Atoms], centres: np.ndarray, cell: np.ndarray) -> Atoms:
    """Molecules with their middles at fractional coordinates of a cell."""
    numbers = np.concatenate([member.numbers for member in members])
    positions = np.vstack([m.positions + centre @ cell for m, centre in zip(members, centres, strict=True)])
    return Atoms(numbers, positions, cell=cell, pbc=True)


def closest_molecules(atoms: Atoms, owner: np.ndarray) -> float:
    """The least distance between two molecules, or images of one, over the sum of the covalent radii."""
    i, j, distances, shifts = neighbor_list("ijdS", atoms, 5.0)
    apart = (owner[i] != owner[j]) | shifts.any(axis=1)
    return float((distances / contact(atoms.numbers, i, j))[apart].min(initial=np.inf))
