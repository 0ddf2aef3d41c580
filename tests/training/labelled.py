"""Small data sets with analytic labels, and configurations that train on them in a second."""

from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical.training.config import DataConfig, TrainConfig, parse_config

MODEL = {
    "cutoff": 3.5,
    "num_layers": 1,
    "channels": 4,
    "lmax": 2,
    "mmax": 1,
    "attention_hidden": 4,
    "num_heads": 1,
    "alpha_channels": 4,
    "value_channels": 4,
    "ffn_hidden": 8,
    "edge_channels": 4,
    "num_radial": 4,
}
"""A network that takes a few milliseconds a step."""


def labelled(atoms: Atoms, *, stress: bool = True) -> Atoms:
    """The structure with energy, forces and stress of EMT."""
    atoms.calc = EMT()
    results = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    if stress:
        results["stress"] = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def copper(count: int = 8, *, stress: bool = True, seed: int = 0) -> list[Atoms]:
    """Rattled and strained four-atom cells of copper, the last of every three with a nickel atom."""
    rng = np.random.default_rng(seed)
    images = []
    for i in range(count):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array * (1 + rng.uniform(-0.03, 0.03)), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.08, size=(4, 3))
        if i % 3 == 2:
            atoms.symbols[0] = "Ni"
        images.append(labelled(atoms, stress=stress))
        atoms.info["run"] = f"run{i // 2}"
    return images


def write_copper(folder: Path, count: int = 8, name: str = "copper.extxyz", **options: Any) -> Path:
    """The same in a file."""
    path = folder / name
    write(path, copper(count, **options))
    return path


def data(path: Path, **settings: Any) -> DataConfig:
    """A data set."""
    return DataConfig(paths=[path], **settings)


def configuration(path: Path, **changes: Any) -> TrainConfig:
    """Six steps on ``path``; keys of ``training`` are merged, others replaced."""
    return parse_config(values(path, **changes))


def values(path: Path, **changes: Any) -> dict[str, Any]:
    """The same as plain values, for a YAML file."""
    training = {
        "batch": {"max_atoms": 8},
        "limits": {"max_steps": 6},
        "schedule": {"warmup_steps": 2},
        **changes.pop("training", {}),
    }
    result = {
        "model": MODEL,
        "data": [{"paths": str(path), "group_key": "run", "name": "copper"}],
        "validation": {"fraction": 0.25, "every_steps": 3},
        "training": training,
        "output": {"log_every": 2, "checkpoint_minutes": 1000.0},
        "threads": 1,
    } | changes
    if "start_from" in result:
        del result["model"]
    return result
