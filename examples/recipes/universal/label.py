"""Label structures with any ASE calculator: energy (eV), forces (eV/Å), stress (eV/Å³).

    python label.py slabs 0 4000 --calculator nequix_teacher:calculator --output shards/slabs
    python label.py --structures visited.extxyz --calculator nequix_teacher:calculator --output shards/visited

Every 250 numbers become one file, which appears whole or not at all; files that are there are left alone. So a run that
was interrupted goes on when the same command is given again, and several may share the work by taking other numbers.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from calculators import load_calculator
from frames import read_frames, write_frames
from sources import PARENTS, Sources
from structures import KINDS, structure

LARGEST_FORCE = 50.0
"""eV/Å; structures with a larger component are left out, which no teacher was taught."""

SHARD = 250


def labelled(atoms: Atoms, calculator: Calculator) -> Atoms | None:
    """A structure with its labels, without stress where it is not periodic; None if they are useless."""
    atoms = atoms.copy()
    atoms.calc = calculator
    properties = ["energy", "forces", "stress"] if atoms.pbc.all() else ["energy", "forces"]
    results = {name: np.array(calculator.get_property(name, atoms), dtype=float) for name in properties}
    forces = results["forces"]
    if not all(np.isfinite(value).all() for value in results.values()) or np.abs(forces).max() > LARGEST_FORCE:
        return None
    results["energy"] = float(results["energy"])
    results["forces"] = np.round(forces, 5)
    if "stress" in results:
        results["stress"] = np.round(results["stress"], 8)
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def label_shards(
    numbers: range, make: Callable[[int], Atoms | None], calculator: Calculator, folder: Path, shard: int = SHARD
) -> None:
    """Write one file for each ``shard`` numbers that has none yet; how fast it goes is printed."""
    folder.mkdir(parents=True, exist_ok=True)
    start, atoms = time.monotonic(), 0
    for first in range(numbers.start, numbers.stop, shard):
        target = folder / f"{first:06d}.extxyz.gz"
        if target.exists():
            continue
        frames = list(usable(map(make, range(first, min(first + shard, numbers.stop))), calculator))
        part = folder / f".{first:06d}.{os.getpid()}.extxyz.gz"
        write_frames(part, frames)
        part.rename(target)
        atoms += sum(map(len, frames))
        seconds = time.monotonic() - start
        print(f"{target}: {len(frames)} frames; {atoms} atoms, {atoms / seconds:.1f} atoms/s", flush=True)


def usable(structures: Iterable[Atoms | None], calculator: Calculator) -> Iterable[Atoms]:
    """Labelled structures; one that the calculator fails on is named on standard error and left out."""
    for atoms in structures:
        if atoms is None:
            continue
        try:
            found = labelled(atoms, calculator)
        except Exception as error:  # calculators raise whatever they stumble over, and one structure is no loss
            print(f"left out {atoms.info}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        if found is not None:
            yield found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?", choices=list(KINDS))
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("count", nargs="?", type=int, default=SHARD)
    parser.add_argument("--structures", type=Path, help="label these instead; numbers are their places in the file")
    parser.add_argument("--parents", type=Path, default=PARENTS)
    parser.add_argument("--calculator", required=True, help="module:function that returns an ASE calculator")
    parser.add_argument("--output", type=Path, required=True, help="folder of the shards")
    options = parser.parse_args(arguments)
    if (options.kind is None) == (options.structures is None):
        parser.error("give either a kind with its numbers or --structures")
    if options.structures is not None:
        frames = read_frames(options.structures)
        for number, atoms in enumerate(frames):
            atoms.info.setdefault("number", number)
        numbers, make = range(len(frames)), frames.__getitem__
    else:
        last = options.first + options.count
        if last > KINDS[options.kind].count:
            parser.error(f"{options.kind} have {KINDS[options.kind].count} numbers; {last} are asked for")
        sources, kind = Sources.read(options.parents), options.kind
        numbers = range(options.first, last)

        def make(number: int) -> Atoms | None:
            return structure(kind, number, sources)

    label_shards(numbers, make, load_calculator(options.calculator), options.output)


if __name__ == "__main__":
    main()
