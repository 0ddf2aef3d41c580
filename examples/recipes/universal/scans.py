"""Crystals near equilibrium and along ways that lead through it: volumes, strains, small vibrations."""

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from crystals import first_usable
from geometry import log_uniform, random_strain, rattle, strained, supercell
from prototypes import BINARY, COMPOUNDS, elemental_names, equilibrium_of, prototype, stable
from sources import Sources

VOLUMES = (0.72, 1.35)
"""Of scans, relative to equilibrium."""

GASES = (1, 2, 7, 8, 9, 10, 17, 18, 36, 54)
"""Elements that are no crystals of atoms where others are."""

STEPS = 7
"""Volumes of each elemental crystal, one in each of as many equal parts of ``VOLUMES``; after them come strains."""


def element_scan(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """An element in one of five structures, one after the other: seven volumes of each, then strained ones."""
    names = elemental_names(sources.elements)
    step, which = divmod(number, len(names))
    atoms = at_equilibrium(names[which], sources)
    if step < STEPS:
        low, high = VOLUMES
        ratio = low + (high - low) * (step + rng.random()) / STEPS
        atoms = strained(atoms, np.zeros((3, 3)), ratio)
    else:
        atoms = strained(atoms, random_strain(rng, log_uniform(rng, 0.003, 0.05)), rng.uniform(0.95, 1.05))
    atoms.info = {"kind": "elements", "parent": names[which]}
    return first_usable(atoms.copy, attempts=1)


def crystal_scan(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """A parent compressed, expanded or strained, its atoms where they were in the cell."""

    def attempt() -> Atoms:
        parent = random_parent(rng, sources)
        if rng.random() < 0.5:
            atoms = strained(parent, np.zeros((3, 3)), rng.uniform(*VOLUMES))
        else:
            atoms = strained(parent, random_strain(rng, log_uniform(rng, 0.003, 0.05)))
        atoms.info = {"kind": "scans", "parent": parent.info["parent"]}
        return atoms

    return first_usable(attempt)


def vibration(number: int, rng: np.random.Generator, sources: Sources) -> Atoms | None:
    """A supercell close to equilibrium, its atoms some hundredths of an Å off their sites, as phonons see it."""

    def attempt() -> Atoms:
        source = rng.random()
        if source < 0.5:
            parent = random_parent(rng, sources)
        elif source < 0.85:
            parent = at_equilibrium(random_compound(rng, sources), sources)
        else:
            parent = at_equilibrium(random_element(rng, sources), sources)
        atoms = supercell(rng, parent, 24)
        atoms = strained(atoms, random_strain(rng, 0.003), float(np.exp(rng.normal(0, 0.01))))
        rattle(rng, atoms, 0.01, 0.06)
        atoms.info = {"kind": "vibrations", "parent": parent.info["parent"]}
        return atoms

    return first_usable(attempt)


def random_parent(rng: np.random.Generator, sources: Sources) -> Atoms:
    """A small parent."""
    return sources.small[rng.choice(len(sources.small), p=sources.chances)]


def random_compound(rng: np.random.Generator, sources: Sources) -> str:
    """Name of a binary compound in a structure that is not far above the best of four; of an element without any."""
    allowed = {chemical_symbols[z] for z in sources.elements}
    compounds = [pair for pair in COMPOUNDS if set(pair) <= allowed]
    if not compounds:
        return random_element(rng, sources)
    first, second = compounds[rng.integers(len(compounds))]
    names = [f"{structure} {first} {second}" for structure in BINARY]
    return str(rng.choice(stable(names, 0.3) or names[:1]))


def random_element(rng: np.random.Generator, sources: Sources) -> str:
    """Name of an elemental crystal in a structure that is not far above the best of five."""
    solids = [z for z in sources.elements if z not in GASES]
    names = elemental_names((solids[rng.integers(len(solids))],))
    return str(rng.choice(stable(names, 0.1) or names[:1]))


def at_equilibrium(name: str, sources: Sources) -> Atoms:
    """A prototype with the volume of the table, or where that has none with the volumes of its elements in parents."""
    found = equilibrium_of(name)
    atoms = prototype(name)
    volume = found["volume"] if found else float(sources.volumes[atoms.numbers].mean())
    return prototype(name, volume)
