"""Train and test every molecule with every seed, with and without DeNS, one after the other.

    python run.py --data FOLDER --steps 15000
    python run.py --data FOLDER --minutes 60 --molecules aspirin --seeds 0

Whatever was interrupted goes on where it stopped; whatever is finished is left alone. Processes that work on different
molecules or seeds can share one output folder.
"""

import argparse
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ase.io import read, write

HERE = Path(__file__).parent
DENOISING = {"probability": 0.25, "ratio": 0.25, "sigma": 0.05, "weight": 0.3, "final_weight": 0.0}
ATOMS = {"aspirin": 21, "ethanol": 9, "toluene": 15}
STRUCTURES_PER_STEP = {"aspirin": 5, "ethanol": 10, "toluene": 7}
"""About a hundred atoms: fewer cost nearly as much."""


def configuration(
    data: Path, molecule: str, noise_weight: float | None, limits: dict[str, float], seed: int, structures: int | None
) -> dict[str, Any]:
    """One run on the frames in ``data`` as a YAML document; with DeNS where the noise has a weight."""
    config: dict[str, Any] = yaml.safe_load((HERE / "base.yaml").read_text())
    path = str(data.resolve())
    # Frames of rMD17 are drawn at random from a long run, so single frames are the groups.
    config["data"] = [{"paths": path, "energy_key": "Energy", "stress_key": None, "block": 1, "name": molecule}]
    structures = structures or STRUCTURES_PER_STEP[molecule]
    config["training"]["batch"] = {"max_atoms": structures * ATOMS[molecule], "max_edges": 10**7}
    config["training"]["limits"] = limits
    if noise_weight is not None:
        config["training"]["denoising"] = DENOISING | {"weight": noise_weight}
    return config | {"seed": seed}


def training_frames(data: Path, molecule: str, count: int | None, folder: Path) -> Path:
    """The file to train on: all 1000 frames, or the first ``count`` of them, written to ``folder``."""
    source = data / f"{molecule}_train_01.xyz.gz"
    if count is None:
        return source
    target = folder / f"{molecule}-{count}.extxyz"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_stem(f"{target.stem}-{os.getpid()}")  # others may be looking for the file
        write(partial, read(source, f":{count}"))
        partial.replace(target)
    return target


def equical(*arguments: str) -> None:
    """Run a command; if it does not end well, end with its exit code: the same call of this script goes on there."""
    code = subprocess.run([sys.executable, "-m", "equical", *arguments], check=False).returncode
    if code != 0:
        sys.exit(code)


def one_run(folder: Path, data: Path, molecule: str, config: dict[str, Any]) -> None:
    """Train, or go on training, and test; nothing if that is done."""
    if (folder / "test" / "result.json").exists():
        return
    print(f"== {folder.name}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    run = folder / "run"
    again = "--resume" if (run / "checkpoints" / "last.pt").exists() else "--overwrite"
    equical("train", str(folder / "run.yaml"), "--output", str(run), again)
    test = str(data / f"{molecule}_test_01.xyz.gz")
    keys = ["--energy-key", "Energy", "--stress-key", "none", "--device", config["device"]]
    equical("eval", test, "--model", str(run / "model"), *keys, "--output", str(folder / "test"), "--overwrite")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with <molecule>_train_01.xyz.gz and _test_01")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int, help="optimiser steps of each run")
    budget.add_argument("--minutes", type=float, help="time of each run")
    parser.add_argument("--molecules", nargs="+", default=["aspirin", "ethanol"], choices=ATOMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=["plain", "dens"], choices=["plain", "dens"])
    parser.add_argument("--frames", type=int, help="train on so many of the 1000")
    parser.add_argument("--structures", type=int, help="of one step; about a hundred atoms by default")
    weight = DENOISING["weight"]
    parser.add_argument("--noise-weight", type=float, default=weight, help=f"at the start; {weight} by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, default=Path("dens-rmd17"))
    options = parser.parse_args()
    if options.steps is not None:
        limits, budget_name = {"max_steps": options.steps}, f"{options.steps}steps"
    else:
        limits, budget_name = {"max_minutes": options.minutes}, f"{options.minutes:g}min"
    if options.frames is not None:
        budget_name += f"{options.frames}frames"
    if options.noise_weight != weight:
        budget_name += f"noise{options.noise_weight:g}"
    # Both kinds of one seed before the next seed: a series that is cut short can still be compared.
    for seed, molecule, kind in itertools.product(options.seeds, options.molecules, options.kinds):
        frames = training_frames(options.data, molecule, options.frames, options.output)
        noise_weight = options.noise_weight if kind == "dens" else None
        config = configuration(frames, molecule, noise_weight, limits, seed, options.structures)
        config["device"] = options.device
        if options.frames is not None:
            config["validation"]["fraction"] = 0.2  # of few frames a twentieth says nothing
        one_run(options.output / f"{molecule}-{budget_name}-{kind}-{seed}", options.data, molecule, config)


if __name__ == "__main__":
    main()
