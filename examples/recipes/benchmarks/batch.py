"""Many small structures: one by one, and together.

python examples/recipes/benchmarks/batch.py [--model metals-pbe] [--count 1000] [--threads 2]
"""

import argparse
import time

import numpy as np
import torch
from ase.build import bulk

from equical import EquiCalc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="metals-pbe")
    parser.add_argument("--count", type=int, default=1000, help="structures of 20 atoms")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    calculator = EquiCalc(options.model, device="cpu")
    structures = [bulk("Cu", cubic=True) * (5, 1, 1) for _ in range(options.count)]
    for seed, atoms in enumerate(structures):
        atoms.rattle(0.1, seed=seed)
    calculator.batch(structures[:50])

    start = time.perf_counter()
    alone = []
    for atoms in structures:
        calculator.calculate(atoms, ["energy", "forces"])
        alone.append(calculator.results["forces"])
    one_by_one = time.perf_counter() - start

    start = time.perf_counter()
    together = calculator.batch(structures)
    batched = time.perf_counter() - start

    difference = max(np.abs(one.results["forces"] - forces).max() for one, forces in zip(together, alone, strict=True))
    print(f"{options.count} structures of {len(structures[0])} atoms, {options.threads} threads")
    print(f"one by one {one_by_one:.1f} s, in batches {batched:.1f} s: {one_by_one / batched:.2f} times as fast")
    print(f"largest difference of a force {difference:.1e} eV/Å")


if __name__ == "__main__":
    main()
