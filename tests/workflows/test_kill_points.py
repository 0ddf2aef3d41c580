"""Wherever a run is killed, it goes on, loses nothing that was on disk, and ends the same.

Killed at two of its file events; ``-m slow`` kills at all of them.
"""

import json
import multiprocessing
import shutil
import warnings
from functools import partial

import numpy as np
import pytest

from equical.files import is_leftover
from tests.killing import count_file_events, killed_at
from tests.workflows.small_runs import NAMES, close, finished, run, without_pictures

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch):
    without_pictures(monkeypatch)


@pytest.fixture(scope="module", autouse=True)
def imported_once():
    """The process that others are forked from has imported what they need."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])


def drawing_nothing(name, folder):
    """A run in a process that is no fork of this one."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        without_pictures(patch)
        run(name, folder)


def kept(folder):
    """How many results are on disk: points, or frames of trajectories."""
    frames = sum(path.read_text().count("Lattice=") for path in folder.rglob("trajectory.extxyz"))
    return frames + len([path for path in folder.rglob("*.npz") if not is_leftover(path)])


def weights(folder):
    """Those of the models that a training leaves."""
    return {path.parent.name: path.read_bytes() for path in folder.rglob("model.safetensors")}


def names(folder):
    """Files that are there, by their names below the folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def require_whole(folder):
    """Whatever has the name of a result can be read."""
    for path in folder.rglob("*"):
        if any(map(is_leftover, (path, *path.parents))):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        if path.suffix == ".npz":
            with np.load(path) as file:
                assert file.files


def kill_at(numbers, name, folder, calls):
    """Kill a run at these of its events (given how many it has), and let it go on each time."""
    once = partial(drawing_nothing, name)
    run(name, folder / "whole")
    all_calls, whole = len(calls), finished(folder / "whole")
    events = count_file_events(once, folder / "counted", start="forkserver")
    for number in numbers(events):
        place = folder / "run"
        assert killed_at(number, once, place, start="forkserver")
        before = 0
        if place.exists():
            require_whole(place)
            before = kept(place)
        calls.clear()
        run(name, place, resume=True)
        assert close(finished(place), whole), number
        assert len(calls) <= all_calls - before + 2, number  # at most what was on its way, and where it stopped
        assert weights(place) == weights(folder / "whole"), number
        assert names(place) == names(folder / "whole"), number
        shutil.rmtree(place)


def some(events):
    """One event early on, and one near the end."""
    return [events // 3, events * 5 // 6]


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_run_goes_on_and_ends_the_same(name, tmp_path, calls):
    kill_at(some, name, tmp_path, calls)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_may_be_killed_anywhere(name, tmp_path, calls):
    kill_at(lambda events: range(1, events + 1), name, tmp_path, calls)
