"""Take the frames that metals-pbe is judged by out of the mlearn training files.

    python examples/metals_pbe/prepare.py mlearn/ metals-data/

Consecutive frames of a molecular-dynamics run resemble each other, so validation.extxyz.gz holds runs of ten of them,
whole; and some surfaces, which are structures of their own. It was drawn once and stays as it is. Surfaces to learn
from are few, and come in files of their own, so that they can be given more weight.
"""

import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

ELEMENTS = ("Li", "Si", "Ni", "Cu", "Ge", "Mo")


def key(atoms: Atoms) -> tuple[str, float]:
    """What tells frames apart."""
    return atoms.get_chemical_formula(), round(atoms.get_potential_energy(), 6)


def are_surfaces(frames: list[Atoms]) -> np.ndarray:
    """Which frames of an element have vacuum in the cell: a third more volume for an atom than most."""
    volumes = np.array([atoms.cell.volume / len(atoms) for atoms in frames])
    return volumes > 4 / 3 * np.median(volumes)


def main(source: str, target: str) -> None:
    held_out = {key(atoms) for atoms in read(Path(__file__).with_name("validation.extxyz.gz"), ":")}
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    for element in ELEMENTS:
        frames = read(Path(source) / f"{element}_train.extxyz.gz", ":")
        kept = [atoms for atoms in frames if key(atoms) not in held_out]
        surfaces = are_surfaces(kept)
        for name, wanted in ((element, ~surfaces), (f"{element}-surfaces", surfaces)):
            write(folder / f"{name}.extxyz", [atoms for atoms, take in zip(kept, wanted, strict=True) if take])
        print(f"{element}: {len(kept)} of {len(frames)} frames to learn from, {surfaces.sum()} of them surfaces")


if __name__ == "__main__":
    main(*sys.argv[1:])
