"""The neighbour list against ASE's, over cells nobody would draw by hand."""

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list as ase_neighbor_list
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from equical.errors import InputError
from equical.neighbors.build import BACKENDS, NeighborList, neighbor_list

# Pairs this close to the cutoff may be in one list and not in the other: round-off decides.
BOUNDARY = 1e-6

CUBIC = np.diag([3.0, 4.0, 5.0])
COMPLETE = sorted(set(BACKENDS) - {"torch-cluster"})
"""Those that know periodic directions."""

EVERYWHERE = [True, True, True]
NOWHERE = [False, False, False]


def keys(receiver, sender, shift):
    return set(map(tuple, np.column_stack([receiver, sender, shift]).tolist()))


def edges(neighbors: NeighborList):
    return keys(neighbors.receiver, neighbors.sender, neighbors.shift)


def assert_same_as_ase(positions, cell, pbc, cutoff, backend="vesin"):
    """Every edge of the shorter ASE list is found, and nothing that the longer one has not."""
    atoms = Atoms(f"H{len(positions)}", positions=positions, cell=cell, pbc=pbc)
    found = edges(neighbor_list(positions, cell, pbc, cutoff, backend=backend))
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
@given(structure=structures(), backend=st.sampled_from(COMPLETE))
def test_agrees_with_ase_on_any_cell(structure, backend):
    positions, cell, pbc, cutoff = structure
    try:
        neighbor_list(positions, cell, pbc, cutoff)
    except InputError as error:
        assume("coincide" not in str(error))
    assert_same_as_ase(positions, cell, pbc, cutoff, backend)


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


@pytest.mark.parametrize("backend", COMPLETE)
@pytest.mark.parametrize("name", CASES)
def test_agrees_with_ase_on_known_difficult_cells(name, backend):
    positions, cell, pbc, cutoff = CASES[name]
    assert_same_as_ase(np.array(positions, dtype=float), np.array(cell, dtype=float), pbc, cutoff, backend)


def test_vectors_point_from_receiver_to_sender():
    positions, cell = np.array([[0.1, 0, 0], [0, 0, 3.9]]), np.diag([9.0, 9.0, 5.0])
    found = neighbor_list(positions, cell, EVERYWHERE, 2.0)
    vectors = positions[found.sender] + found.shift @ cell - positions[found.receiver]
    assert_array_equal(found.receiver, [0, 1])
    np.testing.assert_allclose(vectors, [[-0.1, 0, -1.1], [0.1, 0, 1.1]], atol=1e-12)


@pytest.mark.parametrize("backend", COMPLETE)
def test_every_distance_is_below_the_cutoff_and_edges_come_in_pairs(backend):
    rng = np.random.default_rng(3)
    positions, cell = rng.uniform(-20, 20, (6, 3)), np.array([[4.0, 0, 0], [1, 5, 0], [-1, 2, 6]])
    found = neighbor_list(positions, cell, EVERYWHERE, 6.0, backend=backend)
    vectors = positions[found.sender] + found.shift @ cell - positions[found.receiver]
    assert np.linalg.norm(vectors, axis=1).max() < 6.0
    assert edges(found) == keys(found.sender, found.receiver, -found.shift)


def test_order_is_the_same_for_every_backend_and_ascending():
    rng = np.random.default_rng(4)
    positions, cell = rng.uniform(-9, 9, (5, 3)), np.array([[3.0, 0, 0], [1, 4, 0], [-1, 2, 5]])
    lists = [neighbor_list(positions, cell, EVERYWHERE, 6.1, backend=backend) for backend in COMPLETE]
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


def test_scattered_atoms_are_found_where_the_grid_of_the_backend_would_overflow():
    """A stray atom kilometres away in a plane leaves vesin without bins, and the process with a division by zero."""
    positions = np.array([[0.0, 0, 0], [1.0, 0, 0], [1e5, 1e5, 0], [1e5, 1e5, 1]])
    found = neighbor_list(positions, np.zeros((3, 3)), NOWHERE, 3.0)
    assert edges(found) == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0), (2, 3, 0, 0, 0), (3, 2, 0, 0, 0)}


def test_inputs_are_not_changed():
    positions, cell, pbc = np.array([[0.0, 0, 0], [30, 40, -50]]), np.array(CUBIC), np.array([True, True, False])
    before = positions.copy(), cell.copy(), pbc.copy()
    for backend in COMPLETE:
        neighbor_list(positions, cell, pbc, 4.0, backend=backend)
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


@pytest.mark.parametrize("backend", COMPLETE)
def test_atoms_that_coincide_across_the_boundary_are_refused(backend):
    message = refusal([[0.0, 0, 0], [9.0, 4, 0]], backend=backend)
    assert "Atoms 0 and 1 (image (-3, -1, 0)) coincide" in message


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
    assert "choose one of" in refusal([[0.0, 0, 0]], backend="kd-tree")
    assert "shape [N, 3]" in refusal([0.0, 0, 0])
    assert "shape [3, 3]" in refusal([[0.0, 0, 0]], np.ones(3))
