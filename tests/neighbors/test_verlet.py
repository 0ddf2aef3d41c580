"""A kept neighbour list against one made anew: the same pairs in the same order, whatever happened in between."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from equical.errors import InputError
from equical.neighbors.build import NeighborList, neighbor_list
from equical.neighbors.verlet import VerletList, squared_distances

EVERYWHERE, NOWHERE = [True, True, True], [False, False, False]
CUBIC = np.diag([7.0, 8.0, 9.0])


def fresh(positions, cell, pbc, cutoff) -> NeighborList:
    return VerletList(cutoff, skin=0.0).neighbors(positions, cell, pbc)


def assert_same(found: NeighborList, expected: NeighborList):
    for name in ("receiver", "sender", "shift"):
        assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)


def crystal(seed=0, count=12):
    return np.random.default_rng(seed).uniform(0, 1, (count, 3)) @ CUBIC


@st.composite
def trajectories(draw):
    """Structures that differ by small and large moves, strains, and atoms put back into the cell."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pbc = np.array(draw(st.tuples(st.booleans(), st.booleans(), st.booleans())))
    cell = np.diag(rng.uniform(2.5, 7, 3)) + rng.uniform(-1, 1, (3, 3))
    count = draw(st.integers(1, 6))
    positions = rng.uniform(-0.5, 1.5, (count, 3)) @ cell
    frames = []
    for _ in range(draw(st.integers(2, 6))):
        scale = draw(st.sampled_from([0.0, 0.02, 0.2, 2.0]))
        positions = positions + scale * rng.uniform(-1, 1, (count, 3))
        strain = np.eye(3) + draw(st.sampled_from([0.0, 0.01, 0.1])) * rng.uniform(-1, 1, (3, 3))
        cell, positions = cell @ strain, positions @ strain
        if draw(st.booleans()):
            positions = positions + (pbc * rng.integers(-3, 4, (count, 3))) @ cell
        frames.append((positions, cell, pbc))
    return frames, draw(st.floats(2.0, 5.0)), draw(st.sampled_from([0.3, 1.0]))


@settings(deadline=None, max_examples=80)
@given(trajectories())
def test_a_kept_list_is_a_fresh_list(trajectory):
    frames, cutoff, skin = trajectory
    kept = VerletList(cutoff, skin)
    for frame in frames:
        try:
            expected = fresh(*frame, cutoff)
        except InputError as error:
            assume("coincide" not in str(error))
        assert_same(kept.neighbors(*frame), expected)


def test_small_moves_keep_the_list_and_large_ones_do_not():
    positions = crystal()
    kept = VerletList(4.0, skin=0.5)
    for step in range(4):  # 0.24 Å each way for two atoms, all in all
        moved = positions.copy()
        moved[3, 0] += 0.08 * step
        moved[5, 1] -= 0.08 * step
        assert_same(kept.neighbors(moved, CUBIC, EVERYWHERE), fresh(moved, CUBIC, EVERYWHERE, 4.0))
    assert kept.rebuilds == 1
    moved[3, 0] += 0.03
    kept.neighbors(moved, CUBIC, EVERYWHERE)
    assert kept.rebuilds == 2


def test_two_atoms_that_approach_from_beyond_the_skin_are_found():
    kept = VerletList(4.0, skin=0.5)
    assert len(kept.neighbors([[0.0, 0, 0], [4.51, 0, 0]], np.zeros((3, 3)), NOWHERE)) == 0
    assert len(kept.neighbors([[0.24, 0, 0], [4.27, 0, 0]], np.zeros((3, 3)), NOWHERE)) == 0
    assert kept.rebuilds == 1
    assert len(kept.neighbors([[0.26, 0, 0], [4.25, 0, 0]], np.zeros((3, 3)), NOWHERE)) == 2
    assert kept.rebuilds == 2


def test_a_cell_that_shrinks_brings_images_within_reach():
    kept = VerletList(4.0, skin=0.5)
    atom = [[0.0, 0, 0]]
    assert len(kept.neighbors(atom, np.eye(3) * 4.51, EVERYWHERE)) == 0
    assert len(kept.neighbors(atom, np.eye(3) * 4.02, EVERYWHERE)) == 0
    assert kept.rebuilds == 1
    assert len(kept.neighbors(atom, np.eye(3) * 3.99, EVERYWHERE)) == 6
    assert kept.rebuilds == 2


def test_atoms_that_flow_with_the_cell_do_not_count_as_moved():
    positions, strain = crystal(), np.eye(3) * 1.05 + 0.03 * np.eye(3, k=1)
    kept = VerletList(4.0, skin=0.5)
    kept.neighbors(positions, CUBIC, EVERYWHERE)
    assert np.linalg.norm(positions @ strain - positions, axis=1).max() > 0.5
    found = kept.neighbors(positions @ strain, CUBIC @ strain, EVERYWHERE)
    assert kept.rebuilds == 1
    assert_same(found, fresh(positions @ strain, CUBIC @ strain, EVERYWHERE, 4.0))


def test_wrapping_atoms_into_the_cell_keeps_the_list():
    positions = crystal() + 3.0
    kept = VerletList(4.0, skin=0.5)
    before = kept.neighbors(positions, CUBIC, EVERYWHERE)
    wrapped = positions - np.floor(positions / np.diag(CUBIC)) * np.diag(CUBIC) + 0.01
    after = kept.neighbors(wrapped, CUBIC, EVERYWHERE)
    assert kept.rebuilds == 1
    assert np.any(before.shift != after.shift)
    assert_same(after, fresh(wrapped, CUBIC, EVERYWHERE, 4.0))


def test_another_periodicity_or_number_of_atoms_needs_another_list():
    positions = crystal()
    kept = VerletList(4.0)
    slab = [True, True, False]
    for frame in [(positions, CUBIC, EVERYWHERE), (positions, CUBIC, slab), (positions[1:], CUBIC, slab)]:
        assert_same(kept.neighbors(*frame), fresh(*frame, 4.0))
    assert kept.rebuilds == 3


def test_a_lattice_vector_along_an_open_direction_does_not_matter():
    positions, pbc = crystal(), [True, True, False]
    kept = VerletList(4.0)
    expected = kept.neighbors(positions, CUBIC, pbc)
    for third in ([0.0, 0, 0], [1.0, 2, 30]):
        cell = CUBIC.copy()
        cell[2] = third
        assert_same(kept.neighbors(positions, cell, pbc), expected)
    assert kept.rebuilds == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e12])
def test_positions_that_are_none_are_refused_although_a_list_is_at_hand(bad):
    positions = crystal()
    kept = VerletList(4.0)
    kept.neighbors(positions, CUBIC, EVERYWHERE)
    positions[4, 1] = bad
    with pytest.raises(InputError, match="Atom 4 has the position"):
        kept.neighbors(positions, CUBIC, EVERYWHERE)


def test_atoms_that_have_come_to_coincide_are_refused():
    positions = np.array([[0.0, 0, 0], [0.2, 0, 0]])
    kept = VerletList(4.0)
    kept.neighbors(positions, CUBIC, EVERYWHERE)
    positions[1, 0] = 5e-4
    with pytest.raises(InputError, match="Atoms 0 and 1 coincide"):
        kept.neighbors(positions, CUBIC, EVERYWHERE)
    assert kept.rebuilds == 1


def test_the_structure_may_be_changed_in_place():
    positions = crystal()
    kept = VerletList(4.0)
    kept.neighbors(positions, CUBIC, EVERYWHERE)
    positions[0] += [3.0, 1.0, 2.0]
    assert_same(kept.neighbors(positions, CUBIC, EVERYWHERE), fresh(positions, CUBIC, EVERYWHERE, 4.0))


def test_a_distance_has_the_same_bits_in_every_list():
    positions, cell = crystal(), CUBIC + np.random.default_rng(1).uniform(-1, 1, (3, 3))
    long, short = (neighbor_list(positions, cell, EVERYWHERE, cutoff) for cutoff in (6.0, 3.0))
    keys = [list(zip(n.receiver, n.sender, map(tuple, n.shift), strict=True)) for n in (long, short)]
    distance_of = dict(zip(keys[0], squared_distances(positions, cell, long), strict=True))
    assert [distance_of[key] for key in keys[1]] == squared_distances(positions, cell, short).tolist()


def test_copies_carry_no_list():
    kept = VerletList(4.0)
    expected = kept.neighbors(crystal(), CUBIC, EVERYWHERE)
    for twin in (copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert_same(twin.neighbors(crystal(), CUBIC, EVERYWHERE), expected)
        assert (kept.rebuilds, twin.rebuilds) == (1, 2)
