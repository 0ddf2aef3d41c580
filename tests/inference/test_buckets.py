"""Sizes of buffers: large enough, not much too large, and few."""

from itertools import pairwise

import numpy as np
import pytest

from equical.inference.buckets import ATOM_STEP, EDGE_STEP, Capacity, Counts, round_up


@pytest.mark.parametrize("step", [ATOM_STEP, EDGE_STEP])
def test_sizes_grow_by_about_a_quarter(step):
    sizes = sorted({round_up(count, step) for count in range(0, 200_000, 7)})
    assert all(size % step == 0 for size in sizes)
    ratios = [after / before for before, after in pairwise(sizes[4:])]
    assert min(ratios) > 1.1 and max(ratios) < 1.4
    assert len(sizes) < 50


def test_what_is_asked_for_fits_and_less_does_not_need_it():
    for count in range(1, 500):
        size = round_up(count, 8)
        assert size >= count
        assert round_up(size, 8) == size
        assert size <= max(8, count + 8, 1.35 * count)


def test_a_capacity_is_kept_until_it_is_too_small_or_much_too_large():
    capacity = Capacity.holding(Counts(100, 5000, 4000))
    assert capacity.adapted_to(Counts(101, 4900, 3900)) == capacity
    assert capacity.adapted_to(Counts(capacity.atoms, 3800, 3000)) == capacity
    larger = capacity.adapted_to(Counts(capacity.atoms + 1, 5000, 4000))
    assert larger.atoms > capacity.atoms and larger.edges == capacity.edges
    assert capacity.adapted_to(Counts(20, 500, 400)) == Capacity.holding(Counts(20, 500, 400))


def test_sizes_that_fluctuate_stay_in_one_bucket():
    rng = np.random.default_rng(0)
    capacity, seen = Capacity.holding(Counts(65, 3000, 2500)), set()
    for _ in range(1000):
        capacity = capacity.adapted_to(Counts(65, int(rng.normal(3000, 60)), int(rng.normal(2500, 50))))
        seen.add(capacity)
    assert len(seen) <= 3
