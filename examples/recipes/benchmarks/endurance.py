"""Does a long run need ever more memory or time? Many steps of molecular dynamics, then many different structures.

    python examples/recipes/benchmarks/endurance.py [--model metals-pbe] [--steps 500000] [--structures 10000]

The dynamics is that of ``equical md`` with all its files, of four atoms of copper; the structures, 1 to 16 atoms of
the model's elements in cells of random shape, go through one calculator. A row comes at each of ``--rows`` marks: the
resident memory, and the processor's time since the mark before, per step or structure. Growth is a straight line
through all rows but the first quarter, in which caches fill.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from equical import EquiCalc, md


@dataclass(frozen=True)
class Mark:
    """What is seen at a mark: evaluations so far, MB of resident memory, and the processor's ms for each since the mark
    before."""

    done: int
    memory: float
    pace: float


class Watched(EquiCalc):
    """A calculator that looks at memory and clock after every so many evaluations."""

    def watch(self, every: int, report: Callable[[Mark], None]) -> list[Mark]:
        """Begin a list that grows with the evaluations, a mark after every so many, each of them reported."""
        self._every, self._report, self._done = every, report, 0
        self._marks: list[Mark] = []
        self._since = time.process_time()
        return self._marks

    def calculate(self, *arguments, **options) -> None:
        """Evaluate, and look."""
        super().calculate(*arguments, **options)
        self._done += 1
        if self._done % self._every == 0:
            spent = time.process_time() - self._since
            self._marks.append(Mark(self._done, resident(), 1000 * spent / self._every))
            self._report(self._marks[-1])
            self._since = time.process_time()


def resident() -> float:
    """MB of memory that this process has now, or where the system does not tell, has had at most."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def dynamics(calculator: Watched, steps: int) -> None:
    """Constant energy, with a frame and a row of the thermo table every 100 steps."""
    copper = bulk("Cu", cubic=True)
    with tempfile.TemporaryDirectory() as folder:
        md(copper, calculator, ensemble="nve", temperature=300, steps=steps, timestep=2.0, interval=100, output=folder)


def different(calculator: Watched, structures: int) -> None:
    """Energies and forces of structures, no two of them alike."""
    for atoms in random_crystals(calculator.elements, structures):
        atoms.calc = calculator
        atoms.get_forces()


def random_crystals(elements: Sequence[str], number: int) -> Iterator[Atoms]:
    """Crystals of 15 Å³ per atom, whose atoms lie on a grid and a little beside it."""
    random = np.random.default_rng(0)
    for _ in range(number):
        atoms = bulk("Cu", "sc", a=15 ** (1 / 3)).repeat(random.integers(1, 4, size=3))
        atoms = atoms[: random.integers(1, min(len(atoms), 16) + 1)]
        atoms.symbols = random.choice(elements, size=len(atoms))
        atoms.rattle(0.1, rng=random)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + random.normal(scale=0.05, size=(3, 3))), scale_atoms=True)
        yield atoms


def growth(marks: list[Mark]) -> tuple[float, float]:
    """kB of memory that each evaluation adds, and by which share its time changes from the first row to the last."""
    settled = marks[len(marks) // 4 :]
    done = np.array([mark.done for mark in settled])
    memory, pace = (np.polyfit(done, [getattr(mark, name) for mark in settled], 1) for name in ("memory", "pace"))
    first, last = np.polyval(pace, done[[0, -1]])
    return 1000 * float(memory[0]), float(last / first - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="metals-pbe")
    parser.add_argument("--steps", type=int, default=500_000, help="of molecular dynamics")
    parser.add_argument("--structures", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=20, help="of each table")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    calculator = Watched(options.model, device="cpu")
    for what, run, number in (("steps", dynamics, options.steps), ("structures", different, options.structures)):
        print(f"{what:>10} {'MB':>8} {'ms each':>8}")
        marks = calculator.watch(max(1, number // options.rows), show)
        run(calculator, number)
        memory, pace = growth(marks)
        print(f"growth: {memory:+.3f} kB with each, time {pace:+.1%} from the first row to the last")


def show(mark: Mark) -> None:
    """A row of a table."""
    print(f"{mark.done:10d} {mark.memory:8.1f} {mark.pace:8.2f}", flush=True)


if __name__ == "__main__":
    main()
