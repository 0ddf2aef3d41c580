"""Gather shards of labels into a few compact files, one for each kind.

    python pack.py shards/ --output labels/

Every shard below the folder is read, however deep; a number that is in two of them is taken once.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from ase import Atoms
from compact import load_frames, save_frames
from crystals import KINDS as CRYSTALS
from frames import read_frames


def group_of(atoms: Atoms) -> str:
    """The file that a structure goes to: its kind, and one for all kinds of small crystals."""
    kind = str(atoms.info["kind"])
    return "crystals" if kind in CRYSTALS else kind


def gather(folders: list[Path]) -> dict[str, list[Atoms]]:
    """Structures of all shards by group, in the order of their numbers."""
    groups: dict[str, dict[int, Atoms]] = defaultdict(dict)
    for shard in sorted(path for folder in folders for path in folder.rglob("*.extxyz.gz") if path.name[0] != "."):
        for atoms in read_frames(shard):
            groups[group_of(atoms)][int(atoms.info["number"])] = atoms
    return {name: [frames[number] for number in sorted(frames)] for name, frames in sorted(groups.items())}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, frames in gather(options.folders).items():
        path = options.output / f"{name}.npz"
        save_frames(path, frames)
        assert len(load_frames(path)) == len(frames)
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(a.info["kind"] for a in frames).items())
        atoms = sum(map(len, frames))
        print(f"{path}: {len(frames)} structures ({kinds}), {atoms} atoms, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
