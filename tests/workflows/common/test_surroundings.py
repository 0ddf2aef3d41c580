"""Random numbers and environment of the program around us are none of our business."""

import os

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.relax import relax


def test_the_stream_goes_on_where_it_was_whatever_happens():
    @surroundings_kept()
    def draw(fail):
        np.random.seed(3)
        np.random.random(5)
        if fail:
            raise ValueError

    np.random.seed(7)
    expected = np.random.random(3)
    np.random.seed(7)
    draws = [np.random.random()]
    draw(fail=False)
    draws.append(np.random.random())
    with pytest.raises(ValueError):
        draw(fail=True)
    draws.append(np.random.random())
    assert draws == list(expected)


def test_the_environment_is_what_it_was_whatever_happens(monkeypatch):
    monkeypatch.setenv("KEPT", "one")
    monkeypatch.setenv("REMOVED", "two")
    before = dict(os.environ)
    with pytest.raises(ValueError), surroundings_kept():
        os.environ["KEPT"] = "three"
        os.environ["ADDED"] = "four"
        del os.environ["REMOVED"]
        raise ValueError
    assert dict(os.environ) == before


def test_relaxing_a_cell_draws_none():
    crystal = bulk("Cu", cubic=True)
    crystal.rattle(0.1, seed=1)
    np.random.seed(1)
    before = np.random.get_state()[1:3]
    relax(crystal, EMT(), cell="free", steps=2)
    after = np.random.get_state()[1:3]
    assert before[1] == after[1] and np.array_equal(before[0], after[0])
