"""Whenever a process dies, or another one comes in between, a run goes on as if it had never stopped."""

import itertools
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from equical.errors import InputError
from equical.workflows.md import md
from equical.workflows.md.state import STATE
from tests.killing import killed_at_every_file_event
from tests.workflows.md.lattice import lattice


def run(folder, **options):
    settings = {"ensemble": "bussi", "steps": 5, "timestep": 2.0, "interval": 2, "seed": 3, "output": folder}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mean temperature")  # the run is no longer than it must be
        return md(lattice(quartic=5.0), **settings | options)


def contents(folder):
    """Everything a run left behind to go on from."""
    with np.load(folder / STATE) as file:
        state = {name: file[name].tobytes() for name in file.files}
    return state | {name: (folder / name).read_bytes() for name in ("trajectory.extxyz", "thermo.csv")}


@pytest.fixture(autouse=True)
def frequent_checkpoints_no_plots_and_no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("equical.workflows.md.simulate.CHECKPOINT_EVERY", 2)
    for plot in ("plot_thermo", "plot_radial_distribution"):
        monkeypatch.setattr(f"equical.workflows.md.files.{plot}", lambda *arguments: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])
def test_whenever_it_is_killed_a_run_goes_on_bit_for_bit(tmp_path, power_cut):
    run(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    folders = (tmp_path / str(number) for number in itertools.count())
    killed = 0
    for event, folder in killed_at_every_file_event(run, folders, power_cut=power_cut):
        result = run(folder, resume=True)  # nothing is missing, so nothing is said
        assert (result.converged, result.steps) == (True, 5), event
        assert contents(folder) == whole, event
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")], event
        killed += 1
    assert killed > 40


SLOW = """
import sys, time
from equical.workflows.md import md
from tests.workflows.md.lattice import lattice

atoms = lattice(quartic=5.0)
calculate = atoms.calc.calculate

def slowly(*args, **kwargs):
    time.sleep(0.02)
    calculate(*args, **kwargs)

atoms.calc.calculate = slowly
md(atoms, ensemble="bussi", steps=100_000, timestep=2.0, interval=2, seed=3, output=sys.argv[1])
"""


def test_two_processes_do_not_mix_their_frames(tmp_path):
    trajectory = tmp_path / "run" / "trajectory.extxyz"
    with subprocess.Popen([sys.executable, "-c", SLOW, tmp_path / "run"]) as other:
        while not (trajectory.exists() and trajectory.stat().st_size > 5000):
            assert other.poll() is None
            time.sleep(0.02)
        for options in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(InputError, match=f"in use by process {other.pid}"):
                run(tmp_path / "run", **options)
        other.kill()
    run(tmp_path / "run", steps=300, resume=True)
    run(tmp_path / "whole", steps=300)
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
