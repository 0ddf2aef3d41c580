"""Padding adds nothing: to 1e-12 in float64, whatever lies in the unused parts of the buffers."""

import numpy as np
import pytest
import torch
from ase import Atoms
from numpy.testing import assert_allclose

from equical.inference.buckets import Capacity, Counts
from equical.inference.step import Candidates, StaticInputs, Step
from equical.neighbors.build import neighbor_list
from equical.neighbors.nearest import nearest
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field
from tests.tolerances import EXACT

SKIN = 0.7


def candidates_of(potential, atoms):
    """A list with a skin; for models with a cap, the exact one."""
    cap = potential.config.max_neighbors
    found = neighbor_list(atoms.positions, atoms.cell.array, atoms.pbc, potential.cutoff + (SKIN if cap is None else 0))
    if cap is not None:
        strict = potential.config.strict_neighbors
        found = nearest(found, atoms.positions, atoms.cell.array, cap, strict=strict)
    return Candidates(*(torch.from_numpy(array) for array in (found.receiver, found.sender, found.shift)))


def counts_of(potential, atoms):
    edges = potential.graph(atoms).num_edges
    return Counts(len(atoms) + 1, len(candidates_of(potential, atoms).receiver), edges)


def run(potential, atoms, capacity, derivatives=True, wraps=None):
    step = Step(potential, capacity, derivatives, potential.config.max_neighbors is None)
    inputs = StaticInputs.allocate(capacity, torch.device("cpu"))
    wraps = np.zeros((len(atoms), 3), dtype=np.int64) if wraps is None else wraps
    inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, candidates_of(potential, atoms))
    inputs.poison()
    return step.unpack(step(inputs), len(atoms))


def assert_equal_to_unpadded(potential, atoms, outputs):
    graph = potential.graph(atoms)
    has_volume = atoms.cell.rank == 3
    expected = potential.predict(graph, stress=potential.predicts_stress and has_volume)
    assert outputs.edges == graph.num_edges
    found = outputs.prediction
    for name in ("energy", "atom_energies", "forces", "stress"):
        if getattr(expected, name) is not None:
            reference = getattr(expected, name).numpy()
            largest = max(1.0, np.abs(reference).max(initial=0))
            assert_allclose(getattr(found, name), reference, rtol=0, atol=EXACT * largest, err_msg=name)


def cluster(count, seed, kind):
    """``count`` atoms of several elements in a random cell, or in the open."""
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(3, 5, 3)) * (count / 4) ** (1 / 3) + rng.uniform(-0.8, 0.8, (3, 3))
    numbers = rng.choice([1, 6, 29, 78], count)
    pbc = {"crystal": [1, 1, 1], "slab": [1, 1, 0], "molecule": [0, 0, 0]}[kind]
    positions = (np.arange(count)[:, None] / count + rng.uniform(0, 1, (count, 3))) @ cell
    return Atoms(numbers, positions, cell=None if kind == "molecule" else cell, pbc=pbc)


@pytest.mark.parametrize("kind", CONFIGS)
def test_structures_of_every_kind(kind):
    potential = force_field(kind)
    for atoms in make_structures().values():
        outputs = run(potential, atoms, Capacity.holding(counts_of(potential, atoms)))
        assert_equal_to_unpadded(potential, atoms, outputs)


@pytest.mark.parametrize("kind", ["crystal", "slab", "molecule"])
@pytest.mark.parametrize("count", [1, 6, 7, 8, 14, 15, 16])  # up to, at and beyond what 8, 16 and 24 rows hold
def test_random_structures_across_the_edges_of_buckets(count, kind):
    potential = force_field()
    atoms = cluster(count, seed=count, kind=kind)
    outputs = run(potential, atoms, Capacity.holding(counts_of(potential, atoms)))
    assert_equal_to_unpadded(potential, atoms, outputs)


@pytest.mark.parametrize("kind", ["conservative", "direct", "EquiformerV2"])
def test_buffers_that_fit_exactly_and_buffers_far_too_large(kind):
    potential, atoms = force_field(kind), cluster(7, seed=3, kind="crystal")
    counts = counts_of(potential, atoms)
    exact = Capacity(counts.atoms, counts.candidates, counts.edges)
    large = Capacity(5 * counts.atoms, 2 * counts.candidates, 3 * counts.edges)
    for capacity in (exact, large):
        assert_equal_to_unpadded(potential, atoms, run(potential, atoms, capacity))


def test_energies_alone_are_the_same_energies():
    potential, atoms = force_field(), cluster(7, seed=3, kind="slab")
    capacity = Capacity.holding(counts_of(potential, atoms))
    outputs = run(potential, atoms, capacity, derivatives=False)
    assert outputs.prediction.forces is None and outputs.prediction.stress is None
    expected = potential.predict(potential.graph(atoms))
    assert_allclose(outputs.prediction.atom_energies, expected.atom_energies, rtol=EXACT)


def test_wrapped_atoms_are_where_they_were():
    potential, atoms = force_field(), cluster(7, seed=4, kind="crystal")
    capacity = Capacity.holding(counts_of(potential, atoms))
    wraps = np.random.default_rng(0).integers(-2, 3, (7, 3))
    step = Step(potential, capacity, True, True)
    inputs = StaticInputs.allocate(capacity, torch.device("cpu"))
    moved = atoms.positions + wraps @ atoms.cell.array
    inputs.write(atoms.numbers, moved, atoms.cell.array, wraps, candidates_of(potential, atoms))
    assert_equal_to_unpadded(potential, atoms, step.unpack(step(inputs), 7))


def test_more_edges_than_there_is_room_for_are_counted():
    potential, atoms = force_field(), cluster(7, seed=3, kind="crystal")
    counts = counts_of(potential, atoms)
    outputs = run(potential, atoms, Capacity(counts.atoms, counts.candidates, counts.edges - 1))
    assert outputs.edges == counts.edges


def test_the_closest_pair_is_told():
    potential = force_field()
    pair = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 1.5]])
    lonely = Atoms("Cu")
    capacity = Capacity(8, 64, 64)
    assert run(potential, pair, capacity).closest == 1.5
    assert run(potential, lonely, capacity).closest == np.inf


def test_every_write_replaces_everything_of_the_structure_before():
    potential = force_field()
    first, second = cluster(12, seed=1, kind="crystal"), cluster(5, seed=2, kind="slab")
    capacity = Capacity.holding(counts_of(potential, first))
    step = Step(potential, capacity, True, True)
    inputs = StaticInputs.allocate(capacity, torch.device("cpu"))
    for atoms in (first, second, first):
        wraps = np.zeros((len(atoms), 3), dtype=np.int64)
        inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, candidates_of(potential, atoms))
        assert_equal_to_unpadded(potential, atoms, step.unpack(step(inputs), len(atoms)))
