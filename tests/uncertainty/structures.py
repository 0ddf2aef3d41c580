"""Crystals whose atoms are off their places, and data made of them."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical import EquiCalc


def shaken(symbol: str, a: float, seed: int, size: int = 1) -> Atoms:
    atoms = bulk(symbol, "fcc", a=a, cubic=True) * (size, 1, 1)
    atoms.rattle(0.06, seed=seed)
    return atoms


def write_data(path: Path, calculator: EquiCalc, seeds: range) -> None:
    """Copper and aluminium, each on its own, at some densities, with the model's energies and forces, and noise."""
    images = []
    for seed in seeds:
        symbol, a = (("Cu", 3.6), ("Al", 4.05))[seed % 2]
        atoms = shaken(symbol, a * (1 + 0.01 * (seed % 5 - 2)), seed)
        energy = calculator.get_property("energy", atoms) + 0.02 * np.random.default_rng(seed).normal()
        forces = calculator.get_property("forces", atoms)
        forces = forces + 0.1 * np.random.default_rng(seed).normal(size=forces.shape)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        images.append(atoms)
    write(path, images)
