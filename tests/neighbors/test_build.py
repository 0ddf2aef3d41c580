"""The neighbour list against ASE's, over cells nobody would draw by hand."""

from unittest.mock import patch

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list as ase_neighbor_list
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from equical.errors import InputError
from equical.neighbors import backends
from equical.neighbors.backends import BACKENDS, tree_pairs, vesin_pairs
from equical.neighbors.build import NeighborList, neighbor_list

# Pairs this close to the cutoff may be in one list and not in the other: round-off decides.
BOUNDARY = 1e-6

CUBIC = np.diag([3.0, 4.0, 5.0])
FINDERS = {"grid": vesin_pairs, "tree": tree_pairs}
EVERYWHERE = [True, True, True]
NOWHERE = [False, False, False]


def keys(receiver, sender, shift):
    return set(map(tuple, np.column_stack([receiver, sender, shift]).tolist()))


def edges(neighbors: NeighborList):
    return keys(neighbors.receiver, neighbors.sender, neighbors.shift)


def list_by(finder, *structure):
    """The list, with pairs from vesin's grid, or from the tree that else only scattered atoms get."""
    with patch.dict(BACKENDS, vesin=FINDERS[finder]):
        return neighbor_list(*structure)


def assert_same_as_ase(positions, cell, pbc, cutoff, finder="grid"):
    """Every edge of the shorter ASE list is found, and nothing that the longer one has not."""
    atoms = Atoms(f"H{len(positions)}", positions=positions, cell=cell, pbc=pbc)
    found = edges(list_by(finder, positions, cell, pbc, cutoff))
    needed = keys(*ase_neighbor_list("ijS", atoms, cutoff - BOUNDARY))
    allowed = keys(*ase_neighbor_list("ijS", atoms, cutoff + BOUNDARY))
    assert needed <= found <= allowed


coordinate = st.floats(-12, 12, allow_nan=False).map(lambda x: round(x, 6))
lattice_component = st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 6))


@st.composite
def structures(draw):
    """Atoms, a cell that may be tiny, skewed or left-handed, and any periodicity."""
    cell = np.array(draw(st.lists(lattice_component, min_size=9, max_size=9))).reshape(3, 3)
    pbc = np.array(draw(st.tuples(st.booleans(), st.booleans(), st.booleans())))
    # ASE, the reference, looks at all three vectors and needs many images of a thin cell.
    lengths = np.linalg.norm(cell, axis=1)
    assume(lengths.min() > 0.8 and abs(np.linalg.det(cell)) > 0.15 * np.prod(lengths))
    count = draw(st.integers(1, 5))
    positions = np.array(draw(st.lists(coordinate, min_size=3 * count, max_size=3 * count))).reshape(count, 3)
    cutoff = draw(st.floats(1.0, 5.0))
    return positions, cell, pbc, cutoff


@settings(deadline=None, max_examples=150)
@given(structure=structures(), finder=st.sampled_from(sorted(FINDERS)))
def test_agrees_with_ase_on_any_cell(structure, finder):
    positions, cell, pbc, cutoff = structure
    try:
        neighbor_list(positions, cell, pbc, cutoff)
    except InputError as error:
        assume("coincide" not in str(error))
    assert_same_as_ase(positions, cell, pbc, cutoff, finder)


shears = st.lists(st.tuples(st.permutations(range(3)), st.integers(-4, 4)), min_size=1, max_size=4)


@settings(deadline=None, max_examples=60)
@given(structure=structures(), shears=shears)
def test_another_choice_of_lattice_vectors_gives_the_same_vectors(structure, shears):
    """A skewed description of the lattice, thin as it may be, describes the same crystal."""
    positions, cell, _, cutoff = structure
    skew = np.eye(3, dtype=int)
    for (i, j, _), factor in shears:
        skew[i] += factor * skew[j]
    try:
        skewed = neighbor_list(positions, skew @ cell, EVERYWHERE, cutoff)
    except InputError as error:
        assume("coincide" not in str(error))
    found = keys(skewed.receiver, skewed.sender, skewed.shift @ skew)
    needed = edges(neighbor_list(positions, cell, EVERYWHERE, cutoff - BOUNDARY))
    allowed = edges(neighbor_list(positions, cell, EVERYWHERE, cutoff + BOUNDARY))
    assert needed <= found <= allowed


CASES = {
    "several images of one pair": ([[0, 0, 0], [1, 0.2, 0]], CUBIC, EVERYWHERE, 6.0),
    "one atom, small cell": ([[0, 0, 0]], np.array([[1, 0, 0], [0.9, 0.4, 0], [0.3, 0.2, 0.6]]), EVERYWHERE, 4.0),
    "left-handed": ([[0, 0, 0], [1, 2, 3]], np.array([[3, 0, 0], [1, -4, 0], [2.9, 1, 2]]), EVERYWHERE, 5.0),
    "far outside": ([[0, 0, 0], [301, 1002, -90], [-1e4, 0, 1]], CUBIC, EVERYWHERE, 3.0),
    "far outside a slab": ([[0, 0, 0], [301, 1002, -3], [-1e4, 0, 1]], CUBIC, [True, True, False], 5.0),
    "millions of cells outside": ([[0, 0, 0], [3 * 2**24 + 1, 2, -5 * 2**22]], CUBIC, EVERYWHERE, 3.0),
    "slab without third vector": ([[0, 0, 0], [1, 1, 7]], np.diag([3.0, 4.0, 0.0]), [True, True, False], 5.0),
    "wire": ([[0, 0, 0], [1, 1, 7]], [[0, 0, 0], [0, 0, 0], [1, 2, 3]], [False, False, True], 6.0),
    "molecule": ([[0, 0, 0], [0, 0, 1.1], [9, 0, 0]], np.zeros((3, 3)), NOWHERE, 3.0),
    "open box": ([[0.1, 0, 0], [2.9, 0, 0]], CUBIC, NOWHERE, 2.0),
}  # fmt: skip


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_ase_on_known_difficult_cells(name, finder):
    positions, cell, pbc, cutoff = CASES[name]
    assert_same_as_ase(np.array(positions, dtype=float), np.array(cell, dtype=float), pbc, cutoff, finder)


def test_vectors_point_from_receiver_to_sender():
    positions, cell = np.array([[0.1, 0, 0], [0, 0, 3.9]]), np.diag([9.0, 9.0, 5.0])
    found = neighbor_list(positions, cell, EVERYWHERE, 2.0)
    vectors = positions[found.sender] + found.shift @ cell - positions[found.receiver]
    assert_array_equal(found.receiver, [0, 1])
    np.testing.assert_allclose(vectors, [[-0.1, 0, -1.1], [0.1, 0, 1.1]], atol=1e-12)


@pytest.mark.parametrize("finder", FINDERS)
def test_every_distance_is_below_the_cutoff_and_edges_come_in_pairs(finder):
    rng = np.random.default_rng(3)
    positions, cell = rng.uniform(-20, 20, (6, 3)), np.array([[4.0, 0, 0], [1, 5, 0], [-1, 2, 6]])
    found = list_by(finder, positions, cell, EVERYWHERE, 6.0)
    vectors = positions[found.sender] + found.shift @ cell - positions[found.receiver]
    assert np.linalg.norm(vectors, axis=1).max() < 6.0
    assert edges(found) == keys(found.sender, found.receiver, -found.shift)


def test_order_is_ascending_whoever_found_the_pairs():
    rng = np.random.default_rng(4)
    positions, cell = rng.uniform(-9, 9, (5, 3)), np.array([[3.0, 0, 0], [1, 4, 0], [-1, 2, 5]])
    lists = [list_by(finder, positions, cell, EVERYWHERE, 6.1) for finder in FINDERS]
    rows = [np.column_stack([found.receiver, found.sender, found.shift]) for found in lists]
    for other in rows[1:]:
        assert_array_equal(rows[0], other)
    assert rows[0].tolist() == sorted(rows[0].tolist())
    assert {array.dtype for found in lists for array in vars(found).values()} == {np.dtype(np.int64)}


def test_order_when_atoms_are_so_far_out_that_one_integer_cannot_hold_the_key():
    positions = np.array([[0.0, 0, 0], [3e8, 4e8 + 2, -5e8], [-3e8 + 1, 1, 5e8]])
    found = neighbor_list(positions, CUBIC, EVERYWHERE, 3.5)
    rows = np.column_stack([found.receiver, found.sender, found.shift]).tolist()
    assert rows == sorted(rows)
    vectors = positions[found.sender] + found.shift @ CUBIC - positions[found.receiver]
    assert np.linalg.norm(vectors, axis=1).max() < 3.5


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_edges(count):
    positions = np.arange(count)[:, None] * np.array([[30.0, 0, 0]])
    found = neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 5.0)
    assert len(found) == 0
    assert found.shift.shape == (0, 3)


SCATTERED = {
    "a stray atom in the plane of a molecule": (
        [[0, 0, 0], [1, 0, 0], [1e5, 1e5, 0], [1e5, 1e5, 1]], np.zeros((3, 3)), NOWHERE, 3.0,
    ),
    "a stray atom beside a wire": (
        [[0, 0, 0], [0, 2, 1], [1e6, 3, 0]], np.diag([1, 1, 2.5]), [False, False, True], 4.0,
    ),
    "a stray atom above a slab": ([[0, 0, 0], [1, 0, 0.5], [1, 0, 1e6]], np.diag([3, 3, 1]), [True, True, False], 5.0),
    "a huge flat cell": ([[0, 0, 0], [1, 0, 0], [1e5 - 1, 0, 0]], np.diag([1e5, 1e5, 3.0]), EVERYWHERE, 3.5),
    "a diagonal of atoms": (np.arange(500)[:, None] * [2.0, 2.0, 0.0], np.zeros((3, 3)), NOWHERE, 3.0),
}  # fmt: skip


@pytest.mark.parametrize("name", SCATTERED)
def test_scattered_atoms_do_not_end_the_process(name):
    """Each of these leaves vesin without bins along some axis, and the process with a division by zero."""
    positions, cell, pbc, cutoff = SCATTERED[name]
    assert_same_as_ase(np.array(positions, dtype=float), np.array(cell, dtype=float), pbc, cutoff)


def test_many_bins_of_which_enough_are_left_stay_with_vesin(monkeypatch):
    monkeypatch.setattr(backends, "tree_pairs", None)
    rng = np.random.default_rng(0)
    atoms = rng.uniform(0, 200, (300, 3))
    found = neighbor_list(np.concatenate([atoms, atoms + np.array([1.0, 0.5, 0.0])]), np.zeros((3, 3)), NOWHERE, 1.5)
    assert {(i, i + 300) for i in range(300)} <= {(i, j) for i, j, *_ in edges(found)}


def test_inputs_are_not_changed():
    positions, cell, pbc = np.array([[0.0, 0, 0], [30, 40, -50]]), np.array(CUBIC), np.array([True, True, False])
    before = positions.copy(), cell.copy(), pbc.copy()
    for finder in FINDERS:
        list_by(finder, positions, cell, pbc, 4.0)
    for array, copy in zip((positions, cell, pbc), before, strict=True):
        assert_array_equal(array, copy)


def refusal(positions, cell=CUBIC, pbc=EVERYWHERE, cutoff=3.0, **options):
    with pytest.raises(InputError) as caught:
        neighbor_list(positions, cell, pbc, cutoff, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e12])
def test_positions_that_are_not_positions_are_refused_by_atom(bad):
    positions = np.zeros((4, 3)) + np.arange(4)[:, None]
    positions[2, 1] = bad
    assert "Atom 2 has the position" in refusal(positions)


def test_coincident_atoms_are_refused_by_pair():
    positions = np.array([[0.0, 0, 0], [1, 1, 1], [0, 0, 9e-4]])
    assert "Atoms 0 and 2 coincide" in refusal(positions)
    assert "Atoms 0 and 2 coincide" in refusal(positions, np.zeros((3, 3)), NOWHERE)
    positions[2, 2] = 1.1e-3
    assert len(neighbor_list(positions, CUBIC, EVERYWHERE, 3.0)) > 0


@pytest.mark.parametrize("finder", FINDERS)
def test_atoms_that_coincide_across_the_boundary_are_refused(finder):
    with patch.dict(BACKENDS, vesin=FINDERS[finder]):
        assert "Atoms 0 and 1 (image (-3, -1, 0)) coincide" in refusal([[0.0, 0, 0], [9.0, 4, 0]])


@pytest.mark.parametrize(
    ("cell", "pbc"),
    [
        (np.zeros((3, 3)), EVERYWHERE),
        (np.diag([3.0, 4.0, 0.0]), EVERYWHERE),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1]], EVERYWHERE),
        ([[1, 0, 0], [2, 0, 0], [0, 0, 1]], [True, True, False]),
        (np.diag([3.0, 4.0, 0.0]), [False, False, True]),
    ],
)
def test_periodic_cell_without_volume_is_refused(cell, pbc):
    assert "The periodic cell has no volume" in refusal([[0.0, 0, 0]], cell, pbc)


def test_open_directions_may_have_any_lattice_vector():
    """A vector within the plane of the slab, and none at all, say the same as a long one across it."""
    positions = np.array([[0.0, 0, 0], [1, 1, 7]])
    expected = edges(neighbor_list(positions, np.diag([3.0, 4.0, 50.0]), [True, True, False], 5.0))
    for third in ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0]):
        cell = np.array([[3.0, 0, 0], [0, 4.0, 0], third])
        assert edges(neighbor_list(positions, cell, [True, True, False], 5.0)) == expected


def test_extremely_skewed_cell_needs_no_more_memory_than_any_other():
    """As it stands, this cell has a million images of itself within the cutoff."""
    skewed = [[1, 0, 0], [10.9, 0.3, 0], [0.3, 7.2, 0.5]]
    assert len(neighbor_list([[0.0, 0, 0]], skewed, EVERYWHERE, 3.0)) == 760


def test_other_nonsense_is_refused():
    assert "not finite" in refusal([[0.0, 0, 0]], np.diag([3.0, np.inf, 3.0]))
    assert "not finite" in refusal([[0.0, 0, 0]], np.diag([3.0, np.nan, 3.0]), NOWHERE)
    assert "too thin" in refusal([[0.0, 0, 0]], np.diag([0.01, 0.01, 0.01]))
    assert "cutoff" in refusal([[0.0, 0, 0]], cutoff=0.0)
    assert "cutoff" in refusal([[0.0, 0, 0]], cutoff=np.nan)
    assert "choose one of vesin, torch-cluster" in refusal([[0.0, 0, 0]], backend="kd-tree")
    assert "shape [N, 3]" in refusal([0.0, 0, 0])
    assert "shape [3, 3]" in refusal([[0.0, 0, 0]], np.ones(3))
