"""Wherever a run is killed, it goes on, loses nothing that was on disk, and ends the same."""

import itertools
import json

import numpy as np
import pytest
from ase.build import bulk, fcc100
from ase.calculators.emt import EMT

import equical.workflows.adsorption.files as adsorption_files
import equical.workflows.eos.files as eos_files
import equical.workflows.relax.files as relax_files
import equical.workflows.search.files as search_files
from equical import adsorption_energy, eos, relax, relax_many, search
from equical.files import is_leftover
from tests.killing import killed_at_every_file_event


def copper():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.03, seed=1)
    return atoms


def adsorption(folder, **options):
    slab = fcc100("Cu", (1, 1, 3), vacuum=6.0)
    few = {"sites": ["top"], "reference": "1/2 O2", "steps": 1, "configurations": 1}
    return adsorption_energy(slab, "O", EMT(), output=folder, **few, **options)


RUNS = {
    "adsorption_energy": adsorption,
    "relax": lambda folder, **options: relax(copper(), EMT(), steps=3, output=folder, **options),
    "relax_many": lambda folder, **options: relax_many([bulk("Cu"), bulk("Fe")], EMT(), output=folder, **options),
    "search": lambda folder, **options: search("Cu", EMT(), structures=1, operations=48, output=folder, **options),
    "eos": lambda folder, **options: eos(copper(), EMT(), num_points=5, output=folder, **options),
}


@pytest.fixture
def without_pictures(monkeypatch):
    for module, name in [
        *((adsorption_files, f"plot_{what}") for what in ("sites", "energies", "structure")),
        (relax_files, "plot_relaxation"),
        (eos_files, "plot_eos"),
        (search_files, "plot_energies"),
    ]:
        monkeypatch.setattr(module, name, lambda result, path: None)


def finished(folder):
    """What ``result.json`` says, without times and places."""
    data = json.loads((folder / "result.json").read_text())
    return {name: value for name, value in data.items() if name not in ("wall_time_s", "structures", "num_reused")}


def kept(folder):
    """How many results are on disk: points, or frames of trajectories."""
    frames = sum(path.read_text().count("Lattice=") for path in folder.rglob("trajectory.extxyz"))
    return frames + len([path for path in folder.rglob("*.npz") if not is_leftover(path)])


def close(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other or bool(np.isclose(one, other, rtol=1e-5, atol=1e-6))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", RUNS)
def test_a_run_killed_at_any_file_event_goes_on_and_ends_the_same(name, tmp_path, without_pictures, calls):
    run = RUNS[name]
    run(tmp_path / "whole")
    all_calls, whole = len(calls), finished(tmp_path / "whole")
    folders = (tmp_path / str(number) for number in itertools.count())
    killed = 0
    for event, folder in killed_at_every_file_event(run, folders):
        before = kept(folder) if folder.exists() else 0
        calls.clear()
        run(folder, resume=True)
        assert close(finished(folder), whole), event
        assert len(calls) <= all_calls - before + 2, event  # at most what was on its way, and where it stopped
        assert not [path for path in folder.rglob("*") if is_leftover(path) or path.name == ".lock"], event
        killed += 1
    assert killed > 10
