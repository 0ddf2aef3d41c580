"""Divide the RPBE data of the cheat project into slabs of alloys, slabs of platinum, relaxations and gas molecules.

    python examples/recipes/catalysis_rpbe/prepare.py train.extxyz.gz examples/recipes/catalysis_rpbe/catalysis-data/

The bare slabs are independent of each other, so any of them may be held out; of a relaxation all frames or none.
What is held out is written once more, with the bare slabs and molecules that adsorption energies need, as
``validation.extxyz.gz``, which errors.py reads. Molecules with other elements than H and O are left out: nothing in the
data says how they meet a surface.
"""

import sys
from collections import defaultdict
from pathlib import Path

from ase import Atoms
from ase.io import read, write
from errors import surface_of

HELD_BACK = 8
"""One relaxation of every so many is kept out of the training, and so is one slab."""

PLATINUM = "3x3x5_pt111"
"""How the names of the reference slabs begin: Pt(111) bare, with O, and with OH."""


def kind_of(atoms: Atoms) -> str:
    """Which of the files a frame belongs to."""
    if not atoms.pbc.any():
        return "gas" if set(atoms.symbols) <= {"H", "O"} else "other molecules"
    return "slabs" if atoms.info["src"].endswith(".db") else "relaxations"


def main(source: str, folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    frames: dict[str, list[Atoms]] = defaultdict(list)
    for atoms in read(source, ":"):
        frames[kind_of(atoms)].append(atoms)
    trajectories = sorted({atoms.info["src"] for atoms in frames["relaxations"]})
    held = set(trajectories[HELD_BACK // 2 :: HELD_BACK])
    slabs = [slab for number, slab in enumerate(frames["slabs"]) if number % HELD_BACK]
    parts = {
        "gas": frames["gas"],
        "slabs": [slab for slab in slabs if not slab.info["src"].startswith(PLATINUM)],
        "platinum": [slab for slab in slabs if slab.info["src"].startswith(PLATINUM)],
        "slabs-held-back": frames["slabs"][::HELD_BACK],
        "relaxations": [atoms for atoms in frames["relaxations"] if atoms.info["src"] not in held],
        "relaxations-held-back": [atoms for atoms in frames["relaxations"] if atoms.info["src"] in held],
    }
    for name, images in parts.items():
        write(target / f"{name}.extxyz", images)
        print(f"{name}: {len(images)} frames of {len({atoms.info['src'] for atoms in images})} sources")
    write(target / "validation.extxyz.gz", validation(parts))


def validation(parts: dict[str, list[Atoms]]) -> list[Atoms]:
    """Frames held out, and the bare slabs of held-out relaxations and the molecules, marked in ``info["part"]``."""
    surfaces = {surface_of(atoms.info["src"]) for atoms in parts["relaxations-held-back"]}
    bare = [atoms for atoms in parts["relaxations"] if atoms.info["src"] in {f"{name}_slab.traj" for name in surfaces}]
    molecules = [atoms for atoms in parts["gas"] if atoms.info["src"] in ("gas_h2.traj", "gas_h2o.traj")]
    marked = []
    for part, images in (
        ("relaxation", parts["relaxations-held-back"]),
        ("slab", parts["slabs-held-back"]),
        ("reference", bare + molecules),
    ):
        for atoms in images:
            atoms.info["part"] = part
            marked.append(atoms)
    return marked


if __name__ == "__main__":
    main(*sys.argv[1:])
