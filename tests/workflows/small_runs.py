"""Every workflow as short as it can be, for tests that strike or kill one again and again.

A run is named, so that another process can be told which: ``partial(run, "neb")`` is a function of a folder, and of
``resume`` or ``overwrite``.
"""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, fcc100, molecule
from ase.calculators.emt import EMT
from ase.io import write

import equical
from equical.checkpoint import save_checkpoint
from tests.conftest import random_potential
from tests.training.labelled import copper as frames
from tests.training.labelled import values

__all__ = ["NAMES", "QUICK_NAMES", "close", "copper", "finished", "run", "without_pictures", "workflow"]


def copper():
    """Four atoms off their equilibrium."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.03, seed=1)
    return atoms


def workflow(function, start, **settings):
    """A run on one structure."""
    return lambda folder, **options: function(start(), EMT(), output=folder, **settings, **options)


def adsorption(folder, **options):
    slab = fcc100("Cu", (1, 1, 3), vacuum=6.0)
    few = {"sites": ["top"], "reference": "1/2 O2", "steps": 1, "configurations": 1}
    return equical.adsorption_energy(slab, "O", EMT(), output=folder, **few, **options)


def adsorptions(folder, **options):
    few = {"sites": ["top"], "azimuths": [0], "steps": 1}
    return equical.adsorption_energies(
        fcc100("Cu", (1, 1, 2), vacuum=6.0), ["N"], EMT(), output=folder, **few, **options
    )


def hop(folder, **options):
    crystal = bulk("Cu", cubic=True) * (2, 1, 1)
    ends = [crystal.copy(), crystal.copy()]
    for number, end in enumerate(ends):
        del end[number]
    return equical.neb(*ends, EMT(), images=1, steps=1, output=folder, **options)


def screening(folder, **options):
    table = [{"slab": fcc100("Cu", (1, 1, 2), vacuum=6.0), "adsorbates": "O", "reference": "1/2 O2"}]
    few = {"sites": ["top"], "steps": 1, "workers": 0}
    return equical.screen(table, EMT(), output=folder, **few, **options)


def labels(folder: Path) -> Path:
    """Labelled structures beside the folders of runs."""
    path = folder / "copper.extxyz"
    if not path.exists():
        write(path, frames())
    return path


def model(folder: Path) -> Path:
    """A model with random weights, there too."""
    path = folder / "random"
    if not path.exists():
        save_checkpoint(path, random_potential().float(), {})
    return path


def training(folder, **options):
    return equical.train(values(labels(folder.parent)), output=folder, **options)


def finetuning(folder, **options):
    few = {"max_epochs": 1, "denoising": False, "skip_check": True, "fraction": 0.25, "threads": 1, "device": "cpu"}
    data = {"paths": labels(folder.parent), "group_key": "run"}
    return equical.finetune(model(folder.parent), data, output=folder, **few, **options)


RUNS = {
    "relax": workflow(equical.relax, copper, steps=1),
    "relax_many": workflow(equical.relax_many, lambda: [bulk("Cu"), bulk("Fe")]),
    "md": workflow(equical.md, copper, steps=6, timestep=2.0, interval=3),
    "eos": workflow(equical.eos, copper, num_points=5),
    "elastic": workflow(equical.elastic, lambda: bulk("Cu"), clamped=True, relax_first=False, force=True),
    "phonon": workflow(equical.phonon, lambda: bulk("Cu"), supercell=(2, 2, 2), mesh=5.0, force=True),
    "qha": workflow(
        equical.qha, lambda: bulk("Cu"), supercell=(2, 2, 2), mesh=5.0, num_volumes=5, temperatures=[0, 100]
    ),
    "conductivity": workflow(
        equical.conductivity,
        lambda: bulk("Cu"),
        supercell=(2, 2, 2),
        third_order_supercell=(3, 3, 3),  # with two repeats, third orders cancel
        mesh=7.0,
        temperatures=[300],
    ),
    "vib": workflow(equical.vib, lambda: molecule("N2"), force=True),
    "neb": hop,
    "adsorption_energy": adsorption,
    "adsorption_energies": adsorptions,
    "screen": screening,
    "search": workflow(equical.search, lambda: "Cu", structures=1, operations=48),
    "train": training,
    "finetune": finetuning,
}
EXTRAS = {"conductivity": "phono3py"}
"""What runs need that only an extra brings."""

COSTLY = {"qha", "finetune"}
"""Runs of some seconds."""

NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(name in EXTRAS and not find_spec(EXTRAS[name]), reason="an extra"))
    for name in RUNS
]
"""Names of the runs, for tests over all of them."""

QUICK_NAMES = [name for name in NAMES if not COSTLY & {*name.values}]
"""Those of less than a second."""


def run(name, folder, **options):
    """Run one in a folder."""
    return RUNS[name](folder, **options)


def without_pictures(patch: pytest.MonkeyPatch) -> None:
    """From here on no run draws anything."""
    rooms = [path.parent.name for path in Path(equical.__file__).parent.glob("workflows/*/files.py")]
    for module in ["training.files", *(f"workflows.{room}.files" for room in rooms)]:
        files = import_module(f"equical.{module}")
        for name in [name for name in vars(files) if name.startswith("plot_")]:
            patch.setattr(files, name, lambda *arguments, **options: None)


def finished(folder):
    """What ``result.json`` says, without times, places and the way there."""
    told = json.loads((folder / "result.json").read_text())
    for name in ("wall_time_s", "structures", "num_reused", "minutes", "model", "resumed_from", "reused"):
        told.pop(name, None)
    return told


def close(one, other):
    """Whether two results are the same up to the last digits."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other or bool(np.isclose(one, other, rtol=1e-5, atol=1e-6))
