"""Batch, learning rate and warm-up follow the number of frames."""

from itertools import pairwise

import pytest
from ase import Atoms

from equical.training.pace import HIGHEST_RATE, LOWEST_RATE, MOST_ATOMS, pace_for


def frames(count: int, atoms: int) -> list[Atoms]:
    return [Atoms(f"Cu{atoms}")] * count


@pytest.mark.parametrize("atoms", [1, 27, 54, 400])
def test_few_frames_make_small_and_many_steps(atoms):
    paces = [pace_for(frames(count, atoms), 0.1) for count in (5, 20, 100, 500, 5000, 100_000)]
    for few, many in pairwise(paces):
        assert few.batch_atoms <= many.batch_atoms <= MOST_ATOMS
        assert LOWEST_RATE <= few.learning_rate <= many.learning_rate <= HIGHEST_RATE
        assert 5 <= few.warmup_steps <= many.warmup_steps <= 100
    # Of twenty, one at a time; of very small ones a few, as long as a pass has ten steps.
    assert paces[1].batch_atoms == {1: 2, 27: 32, 54: 54, 400: MOST_ATOMS}[atoms]


def test_a_hundred_frames_make_dozens_of_steps_in_a_pass():
    pace = pace_for(frames(100, 54), 0.1)
    assert pace.frames == 90
    assert 90 * 54 / pace.batch_atoms >= 40
    assert pace.warmup_steps < 90 * 54 / pace.batch_atoms
    assert "90 frames to learn from" in str(pace)


def test_what_is_stated_stands_and_the_rate_follows_the_batch():
    assert pace_for(frames(100, 10), 0.0, batch_atoms=200).batch_atoms == 200
    assert pace_for(frames(100, 10), 0.0, learning_rate=0.01).learning_rate == 0.01
    small, large = (pace_for(frames(100, 10), 0.0, batch_atoms=size).learning_rate for size in (64, 256))
    assert large == pytest.approx(2 * small, rel=0.05)
