import numpy as np
import pytest

from equical.training.loop.buckets import MOST_PLANNED, BatchSize, Buckets


def full_batches(count=200, seed=0):
    """Batches filled up to 400 atoms of structures of all sizes, and what is left at the end of a pass."""
    rng = np.random.default_rng(seed)
    sizes = [BatchSize(atoms, int(atoms * rng.uniform(30, 45)), int(rng.integers(4, 40))) for atoms in
             rng.integers(370, 401, count)]  # fmt: skip
    return [*sizes, BatchSize(12, 300, 1)]


def test_a_size_holds_what_leaves_an_atom_for_every_structure_of_padding():
    size = BatchSize(20, 100, 5)
    assert size.holds(BatchSize(19, 100, 4))
    assert size.holds(BatchSize(17, 100, 2))
    for too_much in (BatchSize(20, 100, 4), BatchSize(18, 100, 2), BatchSize(19, 101, 4), BatchSize(15, 100, 5)):
        assert not size.holds(too_much)


def test_few_sizes_hold_all_batches_of_the_first_pass():
    sizes = full_batches() + [
        BatchSize(size.atoms // part, size.edges // part, 3) for part in range(2, 9) for size in full_batches(9)
    ]
    buckets = Buckets(sizes)
    assert len(buckets.planned) == MOST_PLANNED == 4
    for size in sizes:
        found = buckets.holding(size)
        assert found in buckets.planned and found.holds(size)
    edges = [planned.edges for planned in buckets.planned]
    assert edges == sorted(edges)


def test_padding_is_a_small_part_of_full_batches():
    sizes = full_batches()[:-1]
    buckets = Buckets(sizes)
    padded, needed = (sum(size.edges for size in some) for some in (map(buckets.holding, sizes), sizes))
    assert padded / needed < 1.18


def test_alike_batches_have_one_size():
    assert len(Buckets([BatchSize(100, 4000 + n, 10) for n in range(50)]).planned) == 1


def test_later_batches_that_are_larger_share_a_few_more_sizes():
    buckets = Buckets(full_batches())
    beyond = {buckets.holding(BatchSize(400, edges, 41)) for edges in range(19000, 40000, 100)}
    assert len(beyond) <= 5
    assert all(size.edges < 1.3 * 40000 for size in beyond)


@pytest.mark.parametrize("size", [BatchSize(1, 0, 1), BatchSize(7, 130, 7)])
def test_what_does_not_fit_gets_a_size_that_holds_it(size):
    buckets = Buckets([BatchSize(1, 0, 1)])
    assert buckets.holding(size).holds(size)


def test_the_same_plan_gives_the_same_sizes():
    assert Buckets(full_batches()).planned == Buckets(full_batches()).planned
