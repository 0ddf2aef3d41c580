"""Structures that a student itself comes through: in relaxations, molecular dynamics and scans of the volume.

    python visited.py --model universal-run/gradients/model --first 0 --count 300 --output visited.extxyz
    python label.py --structures visited.extxyz --calculator nequix_teacher:calculator --output shards/visited

Where a student is wrong it goes to places that no one would have thought of. Labelled, packed and trained on, they are
what it needs most. Run N starts from a structure of its own, so a further round takes other numbers.
"""

import argparse
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.io import write
from ase.md.langevin import Langevin
from ase.optimize import FIRE
from calculators import add_choice, chosen
from equilibrium import scaled
from geometry import nearest
from sources import PARENTS, Sources
from structures import structure

KEPT = 3
"""Structures of each run, drawn from all that it came through."""

CLOSEST = 0.45
"""A run in which two atoms come closer, in units of the sum of their covalent radii, ends there."""

STEPS = 60
"""Of a relaxation or of dynamics, at most."""

SEED = (11, 1)


def visited(number: int, calculator: Calculator, sources: Sources) -> list[Atoms]:
    """Some structures of run ``number``, with where they come from in ``info``; none if it has no start."""
    rng = np.random.default_rng([*SEED, number])
    kind = str(rng.choice(["crystals", "slabs", "defects", "molecules", "vibrations"], p=[0.5, 0.2, 0.1, 0.1, 0.1]))
    start = structure(kind, int(rng.integers(10_000, 20_000)), sources)
    if start is None:
        return []
    start.calc = calculator
    way = str(rng.choice(["relaxation", "dynamics", "scan"], p=[0.4, 0.4, 0.2]))
    if way == "relaxation" or not start.pbc.all():
        path = relaxation(start)
    elif way == "dynamics":
        path = dynamics(rng, start)
    else:
        path = [scaled(start, start.get_volume() / len(start) * ratio) for ratio in np.linspace(0.7, 1.4, 15)]
    sound = [atoms for atoms in path if nearest(atoms) >= CLOSEST]
    chosen = rng.choice(len(sound), min(KEPT, len(sound)), replace=False) if sound else []
    found = []
    for place, which in enumerate(sorted(chosen)):
        atoms = Atoms(sound[which].numbers, sound[which].positions, cell=sound[which].cell, pbc=start.pbc)
        atoms.info = {"kind": "visited", "parent": start.info["parent"], "number": KEPT * number + place}
        found.append(atoms)
    return found


def relaxation(atoms: Atoms) -> list[Atoms]:
    """What a relaxation comes through, of the cell too where there is one."""
    path: list[Atoms] = []
    driver = FIRE(FrechetCellFilter(atoms) if atoms.pbc.all() else atoms, logfile=None)
    for _ in driver.irun(fmax=0.02, steps=STEPS):
        path.append(atoms.copy())
        if nearest(atoms) < CLOSEST:
            break
    return path


def dynamics(rng: np.random.Generator, atoms: Atoms) -> list[Atoms]:
    """What dynamics at 300, 1000 or 3000 K come through."""
    temperature = float(rng.choice([300.0, 1000.0, 3000.0]))
    widths = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(rng.normal(size=(len(atoms), 3)) * widths[:, None])
    friction = 0.02 / units.fs
    driver = Langevin(atoms, 2 * units.fs, temperature_K=temperature, friction=friction, fixcm=False, rng=rng)
    path: list[Atoms] = []
    for _ in range(STEPS // 5):
        driver.run(5)
        path.append(atoms.copy())
        if nearest(atoms) < CLOSEST:
            break
    return path


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_choice(parser)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--parents", type=Path, default=PARENTS)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    calculator, sources = chosen(options), Sources.read(options.parents)
    found = []
    for number in range(options.first, options.first + options.count):
        found += visited(number, calculator, sources)
    write(options.output, found, format="extxyz")
    print(f"{len(found)} structures of {options.count} runs in {options.output}")


if __name__ == "__main__":
    main()
