"""Neighbour lists against the number of atoms: linear, up to 100,000 of them.

    python examples/recipes/benchmarks/neighbors.py [--cutoff 6]

Prints seconds for rattled copper, for a list made anew and for one kept with a skin, and the exponent of a power law
through the last sizes (1 is linear). ASE's builder, the reference of the tests, is timed up to 4,000 atoms.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from ase.build import bulk
from ase.neighborlist import primitive_neighbor_list

from equical.neighbors.build import neighbor_list
from equical.neighbors.verlet import VerletList

REPEATS = (6, 10, 14, 21, 29)  # 864 to 97,556 atoms
MOST_FOR_ASE = 4000


def seconds(function: Callable[[], object], runs: int = 3) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cutoff", type=float, default=6.0, help="Å")
    parser.add_argument("--repeats", type=int, nargs="+", default=REPEATS, help="of the cubic cell of four atoms")
    options = parser.parse_args()
    builders = ["equical (vesin)", "ASE", "kept with a skin"]
    print(f"cutoff {options.cutoff:g} Å; seconds\n")
    print("| atoms | pairs | " + " | ".join(builders) + " |")
    print("|---" * (2 + len(builders)) + "|")
    table = []
    for repeats in options.repeats:
        atoms = bulk("Cu", cubic=True) * (repeats, repeats, repeats)
        atoms.rattle(0.05, seed=0)
        arrays = atoms.positions, atoms.cell.array, atoms.pbc
        kept = VerletList(options.cutoff)
        pairs = len(kept.neighbors(*arrays))
        by_ase = partial(primitive_neighbor_list, "ijS", atoms.pbc, atoms.cell.array, atoms.positions, options.cutoff)
        row = [
            seconds(partial(neighbor_list, *arrays, options.cutoff)),
            np.nan if len(atoms) > MOST_FOR_ASE else seconds(by_ase),
            seconds(partial(kept.neighbors, *arrays)),
        ]
        table.append((len(atoms), *row))
        cells = ["-" if np.isnan(value) else f"{value:.3f}" for value in row]
        print(f"| {len(atoms)} | {pairs} | " + " | ".join(cells) + " |", flush=True)
    sizes, *columns = np.array(table[-3:]).T
    for name, times in zip(builders, columns, strict=True):
        if np.isfinite(times).all() and len(times) > 1:
            exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
            print(f"{name}: exponent {exponent:.2f}, {1e4 * times[-1] / sizes[-1]:.3f} s per 10,000 atoms at the end")


if __name__ == "__main__":
    main()
