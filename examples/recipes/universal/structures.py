"""Structure number N of each kind, always the same.

    python structures.py                                  # the kinds
    python structures.py slabs 0 20 --output look.extxyz  # numbers 0 to 19

Numbers of crystals from 200,000 on are kept for judging and are not made here.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from crystals import crystal, large_crystal
from molecules import dimer, molecular, single_atom
from scans import crystal_scan, element_scan, vibration
from sources import PARENTS, Sources
from surfaces import defective, slab

SEED = 7


@dataclass(frozen=True)
class Kind:
    """A family of structures.

    Attributes:
        about: for a user.
        seed: what the generator of random numbers is seeded with, before the number.
        count: numbers that there are.
        make: from a number, its generator and the sources to a structure, or None where none came out usable.
    """

    about: str
    seed: tuple[int, ...]
    count: int
    make: Callable[[int, np.random.Generator, Sources], Atoms | None]


KINDS = {
    "crystals": Kind(
        "perturbed, replaced, packing, hot", (SEED,), 200_000, lambda number, rng, sources: crystal(rng, sources)
    ),
    "atoms": Kind("single atoms", (SEED, 1), 89, single_atom),
    "elements": Kind("elements in five structures, scans of the volume, strains", (SEED, 2), 4_005, element_scan),
    "scans": Kind("parents compressed, expanded, strained", (SEED, 3), 20_000, crystal_scan),
    "vibrations": Kind("parents and prototypes near equilibrium", (SEED, 4), 20_000, vibration),
    "dimers": Kind("two atoms, all pairs of elements", (SEED, 5), 12_015, dimer),
    "slabs": Kind("slabs, three in four with adsorbates", (SEED, 6), 20_000, slab),
    "large": Kind(
        "crystals of 17 to 48 atoms", (SEED, 8), 20_000, lambda number, rng, sources: large_crystal(rng, sources)
    ),
    "molecules": Kind("molecules alone, in pairs, packed", (SEED, 9), 20_000, molecular),
    "defects": Kind("crystals with an atom too few or too many", (SEED, 10), 20_000, defective),
}


def structure(kind: str, number: int, sources: Sources) -> Atoms | None:
    """Structure ``number`` of a kind, with ``info`` of ``kind``, ``parent`` and ``number``; None if it is not usable.

    Raises:
        ValueError: there is no such number.
    """
    family = KINDS[kind]
    if not 0 <= number < family.count:
        raise ValueError(f"{kind} have the numbers 0 to {family.count - 1}; {number} is not among them")
    atoms = family.make(number, np.random.default_rng([*family.seed, number]), sources)
    if atoms is not None:
        atoms.info["number"] = number
    return atoms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", choices=list(KINDS))
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("count", nargs="?", type=int, default=10)
    parser.add_argument("--parents", type=Path, default=PARENTS)
    parser.add_argument("--output", type=Path, default=Path("structures.extxyz"))
    options = parser.parse_args()
    if options.kind is None:
        for name, kind in KINDS.items():
            print(f"{name:11s} {kind.count:7d}  {kind.about}")
        return
    sources = Sources.read(options.parents)
    numbers = range(options.first, options.first + options.count)
    made = [structure(options.kind, number, sources) for number in numbers]
    write(options.output, [atoms for atoms in made if atoms is not None])
    print(f"{len(made) - made.count(None)} of {len(made)} structures in {options.output}")


if __name__ == "__main__":
    main()
