"""Neighbour lists against the number of atoms: linear, up to 100,000 of them.

    python examples/recipes/benchmarks/neighbors.py [--cutoff 6] [--device cuda]

Prints seconds for rattled copper, for a list made anew and for one kept with a skin, and the exponent of a power law
through the last sizes (1 is linear). ASE's builder, the reference of the tests, is timed up to 4,000 atoms.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from ase.build import bulk

from equical.neighbors.build import neighbor_list
from equical.neighbors.cell_list import GridPairs
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
    parser.add_argument("--device", default="cpu", help="of the torch backend")
    parser.add_argument("--repeats", type=int, nargs="+", default=REPEATS, help="of the cubic cell of four atoms")
    options = parser.parse_args()
    backends = {"vesin": "vesin", f"torch ({options.device})": GridPairs(options.device), "ase": "ase"}
    print(f"cutoff {options.cutoff:g} Å; seconds\n")
    print("| atoms | pairs | " + " | ".join(backends) + " | kept with a skin |")
    print("|---" * (3 + len(backends)) + "|")
    table = []
    for repeats in options.repeats:
        atoms = bulk("Cu", cubic=True) * (repeats, repeats, repeats)
        atoms.rattle(0.05, seed=0)
        arrays = atoms.positions, atoms.cell.array, atoms.pbc
        row = []
        for backend in backends.values():
            make = partial(neighbor_list, *arrays, options.cutoff, backend=backend)
            row.append(np.nan if backend == "ase" and len(atoms) > MOST_FOR_ASE else seconds(make))
        kept = VerletList(options.cutoff)
        pairs = len(kept.neighbors(*arrays))
        row.append(seconds(partial(kept.neighbors, *arrays)))
        table.append((len(atoms), *row))
        cells = ["-" if np.isnan(value) else f"{value:.3f}" for value in row]
        print(f"| {len(atoms)} | {pairs} | " + " | ".join(cells) + " |", flush=True)
    sizes, *columns = np.array(table[-3:]).T
    for name, times in zip([*backends, "kept with a skin"], columns, strict=True):
        if np.isfinite(times).all() and len(times) > 1:
            exponent = np.polyfit(np.log(sizes), np.log(times), 1)[0]
            print(f"{name}: exponent {exponent:.2f}, {1e4 * times[-1] / sizes[-1]:.3f} s per 10,000 atoms at the end")


if __name__ == "__main__":
    main()
