"""Crystals away from equilibrium: parents perturbed, parents made of other elements, random packings, hot ones.

The order of random draws is fixed: labels that were published by number depend on it.
"""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from geometry import CLOSEST, REACH, contact, nearest, random_strain, rattle, strained
from sources import Sources

KINDS = ("perturbed", "replaced", "packing", "hot")
SHARES = (0.40, 0.35, 0.13, 0.12)

ATTEMPTS = 40

DENSEST = 3.0
"""Å³ for each atom; denser structures are not made."""


def crystal(rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """One structure of at most 16 atoms, or 32 where a tiny cell was doubled; None if none came out usable."""

    def attempt() -> Atoms | None:
        kind = str(rng.choice(KINDS, p=SHARES))
        if kind == "packing":
            return packing(rng, sources)
        parent = sources.small[rng.choice(len(sources.small), p=sources.chances)].copy()
        return descendant(rng, sources, parent, kind)

    return first_usable(attempt)


def large_crystal(rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """The same from parents of 17 to 48 atoms."""
    parents = [atoms for atoms in sources.parents if 16 < len(atoms) <= 48]

    def attempt() -> Atoms | None:
        kind = str(rng.choice(["perturbed", "replaced", "hot"], p=[0.6, 0.3, 0.1]))
        atoms = descendant(rng, sources, parents[rng.integers(len(parents))].copy(), kind)
        atoms.info["kind"] = "large"
        return atoms

    return first_usable(attempt)


def first_usable(attempt: Callable[[], Atoms | None], attempts: int = ATTEMPTS) -> Atoms | None:
    """The first of some attempts whose atoms are neither too dense nor too close."""
    for _ in range(attempts):
        atoms = attempt()
        if atoms is not None and atoms.get_volume() / len(atoms) >= DENSEST and nearest(atoms) >= CLOSEST:
            atoms.wrap()
            return atoms
    return None


def descendant(rng: np.random.Generator, sources: Sources, atoms: Atoms, kind: str) -> Atoms:
    """What becomes of a parent: ``perturbed``, of other elements (``replaced``), or ``hot``."""
    parent = atoms.info["parent"]
    if kind == "replaced" or (kind == "hot" and rng.random() < 0.5):
        atoms = replaced(rng, sources, atoms)
    if len(atoms) <= 3 and rng.random() < 0.5:
        repeats = [1, 1, 1]
        repeats[rng.integers(3)] = 2
        atoms = atoms.repeat(repeats)
    if rng.random() < (0.1 if kind == "perturbed" else 0.04) and len(atoms) > 3:
        defect(rng, atoms)
    size, volume, low, high = (0.04, 0.14, 0.15, 0.5) if kind == "hot" else (0.02, 0.06, 0.01, 0.25)
    strain = random_strain(rng, size)
    atoms = strained(atoms, strain, float(np.exp(rng.normal(0, volume))))
    rattle(rng, atoms, low, high)
    atoms.info = {"kind": kind, "parent": parent}
    return atoms


def defect(rng: np.random.Generator, atoms: Atoms) -> None:
    """Remove an atom, or let two atoms change places, in place."""
    if rng.random() < 0.5:
        del atoms[int(rng.integers(len(atoms)))]
    else:
        pair = rng.choice(len(atoms), 2, replace=False)
        atoms.numbers[pair] = atoms.numbers[pair[::-1]]


def replaced(rng: np.random.Generator, sources: Sources, atoms: Atoms) -> Atoms:
    """Some or all elements of a crystal exchanged for others, and the volume adapted."""
    atoms, before = atoms.copy(), atoms.numbers.copy()
    present = np.unique(before)
    for z in rng.choice(present, rng.integers(1, len(present) + 1), replace=False):
        atoms.numbers[before == z] = rng.choice(sources.elements, p=sources.abundance)
    volume = sources.volumes[atoms.numbers].sum() / sources.volumes[before].sum()
    return strained(atoms, np.zeros((3, 3)), volume)


def packing(rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """Two to ten atoms of up to three elements at random in a random cell, pushed apart, as in AIRSS."""
    elements = rng.choice(sources.elements, rng.integers(1, 4), p=sources.abundance, replace=False)
    count = int(rng.integers(max(2, len(elements)), 11))
    numbers = np.sort(np.concatenate([elements, rng.choice(elements, count - len(elements))]))
    volume = sources.volumes[numbers].sum() * np.exp(rng.normal(0.05, 0.15))
    for _ in range(60):
        rng.normal(0, 1, (3, 3))  # an orientation, without effect, that the published numbers were drawn with
        cell = np.diag(np.exp(rng.uniform(-0.4, 0.4, 3))) + np.triu(rng.uniform(-0.4, 0.4, (3, 3)), 1)
        cell *= (volume / abs(np.linalg.det(cell))) ** (1 / 3)
        atoms = Atoms(numbers, cell=cell, pbc=True, scaled_positions=rng.random((count, 3)))
        push_apart(atoms)
        if nearest(atoms) >= CLOSEST:
            atoms.info = {"kind": "packing", "parent": "random"}
            return atoms
    return None


def push_apart(atoms: Atoms, steps: int = 80) -> None:
    """Move atoms, in place, that are closer than 0.95 of the sum of their covalent radii, a little at a time."""
    for _ in range(steps):
        i, j, distances, vectors = neighbor_list("ijdD", atoms, REACH)
        wanted = 0.95 * contact(atoms.numbers, i, j)
        close = distances < wanted
        if not close.any():
            return
        directions = vectors[close] / np.maximum(distances[close], 1e-3)[:, None]
        push = np.zeros_like(atoms.positions)
        np.add.at(push, i[close], -0.25 * (wanted - distances)[close][:, None] * directions)
        atoms.positions += push
