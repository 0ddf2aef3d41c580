"""Learning curves: a model adapted to few frames, against the same network trained on them from scratch.

    python curves.py nbmotaw train.extxyz.gz --frames 20 100 500 --output curves/
    python curves.py acac train_300K.xyz --frames 50 500 --stress-key none --output curves/
    python curves.py table curves/

The frames of a file are put in an order that its name and the seed decide; the last ``--test`` of them are test frames,
which no training sees, and each size of training set holds the smaller ones. Adapted models come from
``equical.finetune`` with its defaults, new ones from the same architecture, data, division, number of passes and loss,
with the higher learning rate that new weights want. Errors are those on the test frames. What is there is not computed
again, and a training that was interrupted goes on.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read, write

import equical
from equical.catalogue import catalogue
from equical.training.config import resolve_data
from equical.training.data.dataset import read_images
from equical.training.pace import pace_for

PASSES = 100
"""Over the training frames, at most."""

ATOMS = 150_000
"""That a training sees in all its passes, at most; with many frames there are fewer passes."""

RATE = 2e-3
"""Highest learning rate of a new network."""

FRACTION = 0.1
"""Of the training frames, held out to choose the best state."""

LEFT_TO_THE_DATA = {"generation", "avg_degree", "avg_num_nodes", "denoising", "direct_stress"}
"""Of an architecture: what a training finds by itself."""


def divided(path: Path, test: int, seed: int) -> tuple[list[Atoms], list[Atoms]]:
    """Frames to train on, in their order, and to test on."""
    frames = read(path, index=":")
    order = np.random.default_rng(seed).permutation(len(frames))
    return [frames[i] for i in order[:-test]], [frames[i] for i in order[-test:]]


def passes(frames: list[Atoms]) -> int:
    """How often each frame is seen."""
    return max(1, min(PASSES, ATOMS // sum(map(len, frames))))


def adapted(model: str, data: dict, epochs: int, output: Path) -> Path:
    """Fine-tuning as a user has it who changes nothing."""
    return equical.finetune(model, data, max_epochs=epochs, output=output, resume=output.exists()).model


def from_scratch(model: str, data: dict, epochs: int, output: Path) -> Path:
    """The same network with new weights; batches, warm-up and division as in fine-tuning."""
    source = resolve_data(data)
    pace = pace_for(list(read_images(source).values()), FRACTION)
    folder = next((shipped.folder for shipped in catalogue() if shipped.name == model), Path(model))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    settings = {
        "model": {key: value for key, value in config["architecture"].items() if key not in LEFT_TO_THE_DATA},
        "data": [source],
        "validation": {"fraction": FRACTION},
        "training": {
            "optimizer": {"learning_rate": RATE, "ema_decay": 0.99},
            "denoising": {"probability": 0.25, "ratio": 0.25, "final_weight": 0.0},
            "schedule": {"warmup_steps": pace.warmup_steps},
            "batch": {"max_atoms": pace.batch_atoms},
            "limits": {"max_epochs": epochs},
        },
    }
    return equical.train(settings, output=output, resume=output.exists()).model


def measure(options: argparse.Namespace) -> None:
    """Train and test every size and way that has no result yet."""
    training, test = divided(options.data, options.test, options.seed)
    keys: dict[str, object] = {"block": 1}  # frames were drawn at random, so each stands for itself
    if options.stress_key is not None:
        keys["stress_key"] = None if options.stress_key == "none" else options.stress_key
    options.output.mkdir(parents=True, exist_ok=True)
    tests = options.output / f"{options.name}-test.extxyz"
    write(tests, test)
    for count in options.frames:
        frames = training[:count]
        source = options.output / f"{options.name}-{count}.extxyz"
        write(source, frames)
        for way, make in WAYS.items():
            stem = f"{options.name}-{count}-{way}"
            path = options.output / f"{stem}.json"
            if path.exists():
                continue
            model = make(options.model, {"paths": str(source), **keys}, passes(frames), options.output / stem)
            found = equical.evaluate(model, {"paths": str(tests), **keys})
            row = {
                "data": options.name, "frames": count, "way": way, "start": options.model, "passes": passes(frames),
                "seed": options.seed, "test_frames": len(test), "errors": dict(found.errors),
            }  # fmt: skip
            path.write_text(json.dumps(row, indent=1), encoding="utf-8")
            print(line(row), flush=True)


WAYS = {"adapted": adapted, "from-scratch": from_scratch}


def line(row: dict) -> str:
    """Errors of one training."""
    errors = row["errors"]
    energy, forces = errors["energy_mae_meV_per_atom"], errors["forces_mae_meV_per_A"]
    return f"{row['data']:10s} {row['frames']:6d}  {row['way']:13s} {row['passes']:6d} {energy:14.2f} {forces:14.1f}"


def table(folder: Path) -> list[str]:
    """All that has been measured, by data set and number of frames."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    rows.sort(key=lambda row: (row["data"], row["frames"], row["way"]))
    head = f"{'data':10s} {'frames':>6s}  {'way':13s} {'passes':>6s} {'E (meV/atom)':>14s} {'F (meV/A)':>14s}"
    return [head, *map(line, rows)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="what the data set is called; `table` prints what has been measured")
    parser.add_argument("data", type=Path, help="file of labelled frames, or the folder whose table to print")
    parser.add_argument("--frames", type=int, nargs="+", default=[20, 100, 500])
    parser.add_argument("--test", type=int, default=100, help="frames to test on")
    parser.add_argument("--model", default="universal-mini")
    parser.add_argument("--stress-key", help="as in training; none where there are no stresses")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    if options.name == "table":
        print("\n".join(table(options.data)))
    elif options.output is None:
        parser.error("--output is missing")
    else:
        measure(options)


if __name__ == "__main__":
    main()
