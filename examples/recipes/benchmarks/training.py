"""What a training step costs, and where its time goes: direct and conservative, with and without DeNS.

    python examples/recipes/benchmarks/training.py
    python examples/recipes/benchmarks/training.py --before ../equical-before --json cost.json
    python examples/recipes/benchmarks/training.py --crystals 2 --architectures metals-pbe

Steps are those of ``equical train``, on rattled copper labelled by EMT. Parts of a step: ``data`` (noise, neighbours of
what it moved, batching), ``forward`` (the energy, or all heads), ``forces`` (the derivative of the energy),
``backward`` (the derivative of the loss, through the forces where they are a derivative), ``update`` (clipping,
optimiser). On a GPU the column ``captured`` is the same steps as CUDA graphs, in atoms/s, without the first ones, which
capture. With ``--before`` two source trees take turns, each measurement in a process of its own. Close other programs,
and give ``OMP_NUM_THREADS`` where a core is busy: threads that wait for each other take most of the time.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

PARTS = ("data", "forward", "forces", "backward", "update")

CELLS = 64
"""Crystals to draw from, 32 atoms each."""

WARM_UP = 2


ARCHITECTURES = {
    "metals-pbe": {"channels": 64, "message_channels": 16},
    "catalysis-rpbe": {"channels": 64, "message_channels": 16, "cutoff": 6.0},
    "1 M parameters": {"channels": 128, "message_channels": 32, "attention_hidden": 64, "edge_channels": 128},
}
"""The two shipped ones and a larger one, as changes of ``COMMON``."""

COMMON = {
    "attention_hidden": 16,
    "alpha_channels": 8,
    "value_channels": 4,
    "merge": "add",
    "mirror": True,
    "repulsion": "zbl",
}


class Stopwatch:
    """Adds up the time between marks, by the name of what ended."""

    def __init__(self, device: torch.device):
        self.device = device
        self.spent: dict[str, float] = defaultdict(float)
        self.restart()

    def restart(self) -> None:
        self._last = self._now()

    def mark(self, part: str) -> None:
        now = self._now()
        self.spent[part] += now - self._last
        self._last = now

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def crystals(folder: Path) -> Path:
    """A file of rattled copper crystals with energies, forces and stresses of EMT."""
    frames: list[Atoms] = []
    for seed in range(CELLS):
        atoms = bulk("Cu", cubic=True).repeat((2, 2, 2))
        atoms.rattle(0.08, seed=seed)
        atoms.calc = EMT()
        found = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": atoms.get_stress()}
        atoms.calc = SinglePointCalculator(atoms, **found)
        frames.append(atoms)
    path = folder / "crystals.extxyz"
    write(path, frames)
    return path


def measure(
    architecture: str, forces: str, denoising: bool, steps: int, crystals_a_step: int, folder: Path
) -> dict[str, object]:
    """Atoms per second and shares of one kind of training."""
    from equical.training.config import parse_config
    from equical.training.data.batching import TrainingBatch, collate
    from equical.training.data.denoising import corrupt_some
    from equical.training.loop.stages import begin_stage
    from equical.training.loop.step import train_step
    from equical.training.start.prepare import prepare

    config = parse_config(
        {
            "model": {**COMMON, **ARCHITECTURES[architecture]},
            "data": [{"paths": str(crystals(folder))}],
            "stages": [
                {
                    "model": {"forces": forces},
                    "denoising": {"probability": 0.5 if denoising else 0.0, "sigma": 0.1},
                    "limits": {"max_steps": 1},
                }
            ],
            "output": {"directory": str(folder / "run")},
        }
    )
    start = prepare(config, lambda line: None)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    stage = begin_stage(config.plan[0], start.potential, start.train, device, seed=0)

    def batch_of(step: int) -> TrainingBatch:
        members = [(step * crystals_a_step + n) % len(start.train) for n in range(crystals_a_step)]
        samples, corruptions = [start.train[index] for index in members], None
        if denoising:
            settings = stage.config.denoising
            corruptions = corrupt_some(samples, members, settings, seed=(0, step), neighbor_rules=start.neighbor_rules)
        return collate(samples, corruptions)

    watch, seconds, atoms = Stopwatch(device), [], 0
    network = stage.potential.network
    hooks = [network.register_forward_hook(lambda *_: watch.mark("forward"))]
    original = stage.potential.predict

    def predict(*arguments: object, **keywords: object) -> object:
        found = original(*arguments, **keywords)
        watch.mark("forces")
        return found

    stage.potential.predict = predict  # type: ignore[method-assign]
    hooks.append(stage.optimizer.register_step_pre_hook(lambda *_: watch.mark("backward")))
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            watch.spent.clear()
        began = time.perf_counter()
        watch.restart()
        batch = batch_of(step).to(device)
        watch.mark("data")
        train_step(stage.potential, stage.optimizer, batch, stage.terms, stage.coefficients(0.5), clip_norm=10.0)
        watch.mark("update")
        if step >= WARM_UP:
            seconds.append(time.perf_counter() - began)
            atoms = batch.graph.num_atoms
    total = sum(watch.spent.values())
    for hook in hooks:  # they wait for the device
        hook.remove()
    stage.potential.predict = original  # type: ignore[method-assign]
    captured = captured_rate(stage, batch_of, steps, device)
    return {
        "parameters": sum(parameter.numel() for parameter in stage.potential.parameters()),
        "atoms": atoms,
        "edges": batch.graph.num_edges,
        "step_time": median(seconds),
        "atoms_per_second": atoms / median(seconds),
        "captured_atoms_per_second": captured,
        "shares": {part: watch.spent[part] / total for part in PARTS},
    }


def captured_rate(stage: object, batch_of: Callable[[int], object], steps: int, device: torch.device) -> float | None:
    """Atoms per second of the same steps as CUDA graphs; None on a CPU, or from sources that have none."""
    if device.type != "cuda" or not find_spec("equical.training.loop.captured"):
        return None
    from equical.inference.backends import CudaGraphBackend
    from equical.training.loop.buckets import BatchSize, Buckets
    from equical.training.loop.captured import CapturedStep
    from equical.training.loop.step import Controls, PlainStep

    buckets = Buckets([BatchSize.of(batch_of(step)) for step in range(WARM_UP + steps)])
    take = CapturedStep(PlainStep(stage), CudaGraphBackend(), buckets)
    controls = Controls(1e-3, stage.coefficients(0.5), stage.average.share(1000))
    seconds, captures, atoms = [], -1, 0
    while len(seconds) < steps:
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        batch = batch_of(len(seconds))
        take(batch, controls)
        torch.cuda.synchronize(device)
        if take.given_up:
            raise RuntimeError("these steps cannot be captured")
        if take.captures == captures:
            seconds.append(time.perf_counter() - began)
        captures, atoms = take.captures, batch.graph.num_atoms
    return atoms / median(seconds)


def measured_in(tree: Path, arguments: list[str]) -> dict[str, object]:
    """The same in a process of its own, with the sources of a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, __file__, "--one", *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another source tree, to compare with")
    parser.add_argument("--architectures", nargs="+", choices=list(ARCHITECTURES), default=list(ARCHITECTURES))
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--crystals", type=int, default=4, help="of 32 atoms each, in a step")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        from tempfile import TemporaryDirectory

        name, forces, denoising = options.one
        with TemporaryDirectory() as folder:
            found = measure(name, forces, denoising == "DeNS", options.steps, options.crystals, Path(folder))
            print(json.dumps(found))
        return
    trees = {"now": Path(__file__).resolve().parents[3]}
    if options.before:
        trees = {"before": options.before.resolve(), **trees}
    rows = []
    columns = f"{'atoms/s':>8} {'captured':>8} {'s/step':>7} " + " ".join(f"{part:>8}" for part in PARTS)
    print(f"{torch.get_num_threads()} threads\n{'model':<15} {'forces':<9} {'DeNS':<5} {'tree':<7} {columns}")
    for name in options.architectures:
        for forces in ("direct", "gradient"):
            for denoising in ("", "DeNS"):
                for label, tree in trees.items():
                    sizes = ["--steps", str(options.steps), "--crystals", str(options.crystals)]
                    found = measured_in(tree, [name, forces, denoising or "-", *sizes])
                    rows.append({"model": name, "forces": forces, "denoising": bool(denoising), "tree": label, **found})
                    shares = " ".join(f"{100 * found['shares'][part]:>6.1f} %" for part in PARTS)
                    captured = found["captured_atoms_per_second"]
                    graphs = "-" if captured is None else f"{captured:.0f}"
                    rates = f"{found['atoms_per_second']:>8.0f} {graphs:>8} {found['step_time']:>7.3f}"
                    print(f"{name:<15} {forces:<9} {denoising or '-':<5} {label:<7} {rates} {shares}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"threads": torch.get_num_threads(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
