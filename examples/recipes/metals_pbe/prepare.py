"""Take the frames that metals-pbe is judged by out of the mlearn training files.

    python examples/recipes/metals_pbe/prepare.py mlearn/ metals-data/

Consecutive frames of a molecular-dynamics run resemble each other, so validation.extxyz.gz holds runs of ten of them,
whole; and some surfaces, which are structures of their own. It was drawn once and stays as it is.

What there is to learn from comes in three files for each element. Surfaces are few and need more weight than the rest.
Perfect crystals under strain are written as primitive cells, which say the same with a hundredth of the atoms.
"""

import sys
from pathlib import Path

import numpy as np
import spglib
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

PERFECT = 0.02
"""eV/Å. Larger forces are those of atoms off their sites."""

ELEMENTS = ("Li", "Si", "Ni", "Cu", "Ge", "Mo")


def key(atoms: Atoms) -> tuple[str, float]:
    """What tells frames apart."""
    return atoms.get_chemical_formula(), round(atoms.get_potential_energy(), 6)


def are_surfaces(frames: list[Atoms]) -> np.ndarray:
    """Which frames of an element have vacuum in the cell: a third more volume for an atom than most."""
    volumes = np.array([atoms.cell.volume / len(atoms) for atoms in frames])
    return volumes > 4 / 3 * np.median(volumes)


def primitive(atoms: Atoms) -> Atoms | None:
    """A strained crystal without displacements as its primitive cell, oriented as before; None for anything else."""
    if np.abs(atoms.get_forces()).max() > PERFECT:
        return None
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    vectors, positions, numbers = spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=1e-3)
    small = Atoms(numbers, scaled_positions=positions, cell=vectors, pbc=True)
    small.calc = SinglePointCalculator(
        small,
        energy=atoms.get_potential_energy() * len(small) / len(atoms),
        forces=np.zeros((len(small), 3)),
        stress=atoms.get_stress(),
    )
    return small


def main(source: str, target: str) -> None:
    held_out = {key(atoms) for atoms in read(Path(__file__).with_name("validation.extxyz.gz"), ":")}
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    for element in ELEMENTS:
        frames = read(Path(source) / f"{element}_train.extxyz.gz", ":")
        kept = [atoms for atoms in frames if key(atoms) not in held_out]
        surfaces = are_surfaces(kept)
        parts: dict[str, list[Atoms]] = {"": [], "-surfaces": [], "-strained": []}
        for atoms, surface in zip(kept, surfaces, strict=True):
            small = None if surface else primitive(atoms)
            parts["-surfaces" if surface else "" if small is None else "-strained"].append(small or atoms)
        for part, images in parts.items():
            write(folder / f"{element}{part}.extxyz", images)
        counts = ", ".join(f"{len(images)} {part.strip('-') or 'others'}" for part, images in parts.items())
        print(f"{element}: {len(kept)} of {len(frames)} frames to learn from: {counts}")


if __name__ == "__main__":
    main(*sys.argv[1:])
