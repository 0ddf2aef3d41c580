"""A step of molecular dynamics with equical and with its peers: energy, forces and stress of rattled copper on a CPU.

    python examples/recipes/benchmarks/peers.py --peer mace=~/envs/mace/bin/python --peer chgnet=... --peer sevennet=...

Each peer runs in an environment of its own, whose interpreter is given. All are asked for one step after the other in
turns, so that a machine that is busy at times is unfair to none of them. MACE has random weights, which cost as much as
trained ones; the others come with theirs.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any


def equical(model: str) -> tuple[Any, str]:
    import torch

    from equical import EquiCalc, __version__

    return EquiCalc(model, device="cpu"), f"equical {__version__}, {model} (torch {torch.__version__})"


def mace(_: str) -> tuple[Any, str]:
    """The size of the published "small" models."""
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # the e3nn that MACE asks for reads its tables the old way
    import numpy as np
    import torch
    from e3nn.o3 import Irreps
    from mace import __version__
    from mace.calculators import MACECalculator
    from mace.modules import ScaleShiftMACE, gate_dict, interaction_classes

    torch.manual_seed(0)
    block = interaction_classes["RealAgnosticResidualInteractionBlock"]
    network = ScaleShiftMACE(
        r_max=6.0, num_bessel=10, num_polynomial_cutoff=5, max_ell=3, interaction_cls=block,
        interaction_cls_first=block, num_interactions=2, num_elements=89, hidden_irreps=Irreps("128x0e"),
        MLP_irreps=Irreps("16x0e"), atomic_energies=np.zeros(89), avg_num_neighbors=62.0,
        atomic_numbers=list(range(1, 90)), correlation=3, gate=gate_dict["silu"], atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )  # fmt: skip
    calculator = MACECalculator(models=[network.float()], device="cpu", default_dtype="float32")
    return calculator, f"MACE 128x0e, 2 layers, 6 Å, random weights (mace {__version__}, torch {torch.__version__})"


def chgnet(_: str) -> tuple[Any, str]:
    import torch
    from chgnet import __version__
    from chgnet.model import CHGNetCalculator

    return CHGNetCalculator(use_device="cpu"), f"CHGNet (chgnet {__version__}, torch {torch.__version__})"


def sevennet(_: str) -> tuple[Any, str]:
    import torch
    from sevenn import __version__
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-0", device="cpu"), f"SevenNet-0 (sevenn {__version__}, torch {torch.__version__})"


CODES = {"equical": equical, "mace": mace, "chgnet": chgnet, "sevennet": sevennet}


def serve(code: str, model: str, threads: int) -> None:
    """Time a step for each structure that comes as a line on standard input."""
    import torch
    from ase import Atoms

    replies, sys.stdout = sys.stdout, sys.stderr  # some codes greet on standard output
    torch.set_num_threads(threads)
    calculator, name = CODES[code](model)
    print(json.dumps(name), file=replies, flush=True)
    for line in sys.stdin:
        atoms = Atoms(**json.loads(line), pbc=True, calculator=calculator)
        start = time.perf_counter()
        atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
        print(json.dumps(time.perf_counter() - start), file=replies, flush=True)


def measure(interpreters: dict[str, str], model: str, threads: int, sizes: list[int], steps: int) -> list[list[str]]:
    """Rows of the table: code, then for each size the median of all steps and its ratio to that of equical."""
    from ase.build import bulk

    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    processes = {
        code: subprocess.Popen(
            [os.path.expanduser(python), __file__, "--serve", code, "--model", model, "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for code, python in interpreters.items()
    }  # fmt: skip

    def ask(code: str, atoms: Any) -> float:
        structure = {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.tolist(),
        }
        processes[code].stdin.write(json.dumps(structure) + "\n")
        processes[code].stdin.flush()
        return json.loads(processes[code].stdout.readline())

    rows = {code: [json.loads(process.stdout.readline())] for code, process in processes.items()}
    for repeats in sizes:
        atoms = bulk("Cu", cubic=True) * (repeats, repeats, repeats)
        atoms.rattle(0.05, seed=0)
        seconds: dict[str, list[float]] = {code: [] for code in interpreters}
        for step in range(3 + steps):
            atoms.rattle(0.01, seed=step)
            for code in interpreters:
                taken = ask(code, atoms)
                if step >= 3:  # the first ones are slower
                    seconds[code].append(taken)
        own = statistics.median(seconds["equical"])
        for code, values in seconds.items():
            median = statistics.median(values)
            rows[code].append(f"{median:.3f} s ({median / own:.2f}×)")
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return list(rows.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], metavar="CODE=PYTHON", help="mace, chgnet or sevennet")
    parser.add_argument("--model", default="metals-pbe", help="of equical")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, nargs="+", default=[2, 3], help="of the cubic cell: 2 are 32 atoms")
    parser.add_argument("--steps", type=int, default=15, help="of which the median is taken")
    parser.add_argument("--serve", choices=CODES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.model, options.threads)
        return
    interpreters = {"equical": sys.executable} | dict(peer.split("=", 1) for peer in options.peer)
    unknown = sorted(set(interpreters) - set(CODES))
    if unknown:
        parser.error(f"peers are mace, chgnet and sevennet, not {', '.join(unknown)}")
    from equical.workflows.bench.machine import processor_name

    rows = measure(interpreters, options.model, options.threads, options.repeats, options.steps)
    print(f"Energy, forces and stress of rattled copper in float32, {options.threads} threads, {processor_name()},")
    print(f"on {datetime.date.today()}: median of {options.steps} steps, taken in turns (ratio to equical).\n")
    print("| code | " + " | ".join(f"{4 * repeats**3} atoms" for repeats in options.repeats) + " |")
    print("|---" * (1 + len(options.repeats)) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
