"""Slabs of many facets, bare or with something on them, and crystals with an atom too few or too many."""

import numpy as np
from ase import Atoms
from ase.build import molecule, surface
from ase.data import covalent_radii
from crystals import first_usable
from geometry import log_uniform, random_rotation, random_strain, rattle, strained, supercell
from scans import at_equilibrium, random_compound, random_element, random_parent
from sources import Sources

LARGEST = 24
"""Atoms of a slab with all that is on it."""

ATOMS = ("H", "C", "N", "O", "F", "Na", "P", "S", "Cl", "Se", "Br", "I")

MOLECULES = (
    "H2", "OH", "H2O", "O2", "CO", "CO2", "NO", "N2", "NH", "NH2", "NH3", "CH", "CH2_s1A1d", "CH3", "CH4", "CN",
    "HCO", "H2CO", "CH3O", "CH3OH", "HCOOH", "C2H2", "C2H4", "SO2", "SH", "SH2", "HCl", "HF", "N2O", "HCN",
)  # fmt: skip


def slab(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """A slab of an element or a compound with at least 8 Å of vacuum, three times in four with adsorbates."""

    def attempt() -> Atoms | None:
        source = rng.random()
        if source < 0.45:
            crystal = at_equilibrium(random_element(rng, sources), sources)
        elif source < 0.6:
            crystal = at_equilibrium(random_compound(rng, sources), sources)
        else:
            crystal = random_parent(rng, sources)
        bare = cut(rng, crystal)
        if bare is None:
            return None
        atoms = strained(bare, random_strain(rng, 0.01) * np.outer([1, 1, 0], [1, 1, 0]))
        for _ in range(int(rng.choice(4, p=[0.25, 0.45, 0.2, 0.1]))):
            guest = adsorbate(rng, sources)
            if len(atoms) + len(guest) <= LARGEST:
                put_on(rng, atoms, guest)
        rattle(rng, atoms, 0.01, 0.2)
        atoms.center(vacuum=rng.uniform(4.0, 6.0), axis=2)
        atoms.info = {"kind": "slabs", "parent": crystal.info["parent"]}
        return atoms

    return first_usable(attempt)


def cut(rng: np.random.Generator, crystal: Atoms) -> Atoms | None:
    """A slab of up to 18 atoms along a random plane of low index, at a random height; None if there is none."""
    crystal = crystal.copy()
    crystal.set_scaled_positions((crystal.get_scaled_positions() + rng.random(3)) % 1.0)
    indices = tuple(int(index) for index in rng.integers(-1, 3, 3))
    if indices == (0, 0, 0) or len(crystal) > 9:
        return None
    layers = int(rng.integers(1, max(2, 18 // len(crystal)) + 1))
    atoms = surface(crystal, indices, layers, vacuum=4.0)
    if len(atoms) > 18 or len(atoms) < 2 or atoms.cell.volume < 1e-3:
        return None
    if 2 * len(atoms) <= 18 and rng.random() < 0.6:
        atoms = atoms.repeat((2, 1, 1) if atoms.cell.lengths()[0] < atoms.cell.lengths()[1] else (1, 2, 1))
    atoms.pbc = True
    return atoms


def adsorbate(rng: np.random.Generator, sources: Sources) -> Atoms:
    """An atom or a small molecule, turned at random."""
    if rng.random() < 0.4:
        return Atoms(str(rng.choice(ATOMS)))
    if rng.random() < 0.15:
        return Atoms(numbers=[rng.choice(sources.elements, p=sources.abundance)])
    guest = molecule(str(rng.choice(MOLECULES)))
    guest.positions = (guest.positions - guest.positions.mean(axis=0)) @ random_rotation(rng).T
    return guest


def put_on(rng: np.random.Generator, atoms: Atoms, guest: Atoms) -> None:
    """Lower something onto a slab, in place, until it is in touch, or somewhat before or after."""
    touch = log_uniform(rng, 0.85, 1.6)
    guest.positions[:, :2] += (rng.random(2) @ atoms.cell.array[:2])[:2]
    guest.positions[:, 2] += atoms.positions[:, 2].max() - guest.positions[:, 2].min()
    heights = np.arange(6.0, -1.0, -0.1)
    in_touch = closest_approach(atoms, guest, heights) < touch
    guest.positions[:, 2] += heights[np.argmax(in_touch) if in_touch.any() else -1]
    atoms.extend(guest)


def closest_approach(atoms: Atoms, guest: Atoms, heights: np.ndarray) -> np.ndarray:
    """``[heights]``; the least distance of host, images included, and lifted guest over the sum of covalent radii."""
    repeats = 1 + np.ceil(6.0 / atoms.cell.lengths()[:2]).astype(int)
    steps = np.mgrid[-repeats[0] : repeats[0] + 1, -repeats[1] : repeats[1] + 1].reshape(2, -1).T
    host = atoms.positions[:, None] + (steps @ atoms.cell.array[:2])[None]
    apart = host[:, :, None] - guest.positions
    level, below = (apart[..., :2] ** 2).sum(axis=-1), apart[..., 2]
    radii = covalent_radii[atoms.numbers][:, None, None] + covalent_radii[guest.numbers]
    return np.array([(np.sqrt(level + (below - height) ** 2) / radii).min() for height in heights])


def defective(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """An elemental crystal or a compound with a vacancy or a second atom near a site."""

    def attempt() -> Atoms | None:
        source = rng.random()
        if source < 0.5:
            parent = at_equilibrium(random_element(rng, sources), sources)
        elif source < 0.7:
            parent = at_equilibrium(random_compound(rng, sources), sources)
        else:
            parent = random_parent(rng, sources)
        atoms = supercell(rng, parent, 24)
        if len(atoms) < 4:
            return None
        atoms = strained(atoms, random_strain(rng, 0.01), float(np.exp(rng.normal(0, 0.03))))
        if rng.random() < 0.7:
            del atoms[int(rng.integers(len(atoms)))]
        else:
            extra = Atoms(
                numbers=[atoms.numbers[rng.integers(len(atoms))]], positions=[rng.random(3) @ atoms.cell.array]
            )
            atoms.extend(extra)
        rattle(rng, atoms, 0.01, 0.15)
        atoms.info = {"kind": "defects", "parent": parent.info["parent"]}
        return atoms

    return first_usable(attempt)
