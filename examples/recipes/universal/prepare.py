"""Divide labels into what is trained on and what is not, and write both as equical reads them.

    python prepare.py --real mptrj-random-1k.extxyz.gz --output universal-data/

The rule of the division is in split.py. Written are, with counts and hashes on the screen: one file for each kind of
structure and ``real`` to train on; ``validation``, by which the best state is chosen during training; and to judge by
``unseen-crystals``, ``unseen-numbers`` and ``real-held-out``, which is used for nothing else.
"""

import argparse
from collections import defaultdict
from math import inf
from pathlib import Path

from ase import Atoms
from ase.neighborlist import neighbor_list
from compact import load_frames
from frames import read_frames, write_frames
from pack import group_of
from prototypes import equilibria
from sources import PARENTS
from split import Split, drawn

LABELS = Path(__file__).parent / "labels"

VALIDATION = 400
"""Structures that a training looks at time and again."""

NOBLE_GASES = (2, 10, 18, 36, 54)

STIFFEST = 700.0
"""GPa. No solid is stiffer; what the teacher takes for one (nitrogen and oxygen as metals) is beyond what it knows."""


FARTHEST = 4.5
"""Å to the nearest neighbour in a crystal; beyond, its atoms are isolated to a model that looks about 5 Å far."""


def is_sound(atoms: Atoms) -> bool:
    """Whether the teacher can be trusted, and a student can see what it says.

    The teacher lets noble gases attract single atoms that they ought to repel, and gases be stiffer than diamond.
    """
    if atoms.info["kind"] == "elements" and nearest(atoms) > FARTHEST:
        return False
    if atoms.info["kind"] == "dimers":
        return not set(atoms.numbers) & set(NOBLE_GASES)
    found = equilibria().get(atoms.info["parent"])
    return found is None or found["bulk_modulus"] <= STIFFEST


def nearest(atoms: Atoms) -> float:
    """Shortest distance (Å) in a structure; infinite where there is none within 8 Å."""
    return float(min(neighbor_list("d", atoms, 8.0), default=inf))


def divide(frames: list[Atoms], split: Split) -> dict[str, list[Atoms]]:
    """Frames with a teacher's labels by the file that they go to."""
    parts: dict[str, list[Atoms]] = defaultdict(list)
    for atoms in filter(is_sound, frames):
        part = split.part(atoms)
        parts[group_of(atoms) if part == "training" else part.replace(" ", "-")].append(atoms)
    return parts


def some(frames: list[Atoms], count: int) -> list[Atoms]:
    """About ``count`` frames, the same ones again as far as possible where some are added."""
    percent = 100 * count // max(len(frames), 1)
    return [atoms for atoms in frames if drawn(f"validation {group_of(atoms)} {atoms.info['number']}", percent)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="mptrj-random-1k.extxyz.gz")
    parser.add_argument("--labels", type=Path, default=LABELS, help="folder that pack.py wrote")
    parser.add_argument("--parents", type=Path, default=PARENTS)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    real = read_frames(options.real)
    split = Split.of(real, read_frames(options.parents))
    parts: dict[str, list[Atoms]] = defaultdict(list)
    for path in sorted(options.labels.glob("*.npz")):
        for name, frames in divide(load_frames(path), split).items():
            parts[name] += frames
    for atoms in real:
        parts["real-held-out" if split.real_is_held_out(atoms) else "real"].append(atoms)
    unseen = [parts["unseen-crystals"], parts["unseen-numbers"]]
    parts["validation"] = [atoms for frames in unseen for atoms in some(frames, VALIDATION // 2)]
    options.output.mkdir(parents=True, exist_ok=True)
    for name, frames in sorted(parts.items()):
        if frames:
            digest = write_frames(options.output / f"{name}.extxyz.gz", frames)
            print(f"{name:16s} {len(frames):6d} structures {sum(map(len, frames)):7d} atoms  sha256 {digest}")


if __name__ == "__main__":
    main()
