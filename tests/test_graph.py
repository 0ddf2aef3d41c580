"""Atoms as tensors: what goes in comes out, alone and in a batch."""

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, molecule
from torch.testing import assert_close

from equical.graph import AtomGraph

CUTOFF = 4.0


def vectors(graph: AtomGraph) -> torch.Tensor:
    cell = graph.cell[graph.structure[graph.receiver]]
    offset = torch.einsum("ek,ekx->ex", graph.shift, cell)
    return graph.positions[graph.sender] + offset - graph.positions[graph.receiver]


def several() -> list[Atoms]:
    slab = Atoms("Cu2", positions=[[0, 0, 10], [1.3, 1.3, 11.8]], cell=[2.6, 2.6, 20], pbc=[True, True, False])
    return [bulk("Cu"), molecule("CH3OH"), Atoms("He"), slab]


def test_arrays_of_the_atoms_arrive_unchanged():
    atoms = bulk("NaCl", "rocksalt", a=5.6)
    atoms.pbc = [True, True, False]
    graph = AtomGraph.from_atoms(atoms, CUTOFF, dtype=torch.float64)
    assert graph.numbers.tolist() == [11, 17]
    np.testing.assert_array_equal(graph.positions.numpy(), atoms.positions)
    np.testing.assert_array_equal(graph.cell[0].numpy(), atoms.cell.array)
    assert graph.pbc.tolist() == [[True, True, False]]
    assert (graph.num_atoms, graph.num_structures) == (2, 1)


def test_distances_are_those_of_the_crystal():
    graph = AtomGraph.from_atoms(bulk("Cu", a=3.6), CUTOFF, dtype=torch.float64)
    distances = vectors(graph).norm(dim=1)
    assert graph.num_edges == 12 + 6  # first and second shell of fcc
    assert_close(distances.sort().values, torch.tensor([3.6 / 2**0.5] * 12 + [3.6] * 6, dtype=torch.float64))


def test_tensors_do_not_share_memory_with_the_atoms():
    atoms = bulk("Cu", cubic=True)
    graph = AtomGraph.from_atoms(atoms, CUTOFF, dtype=torch.float64)
    atoms.positions += 1.0
    atoms.cell[:] *= 2
    assert graph.positions[0].tolist() == [0, 0, 0]
    assert graph.cell[0, 0, 0] == 3.61


def test_batch_keeps_every_edge_within_its_structure():
    graphs = [AtomGraph.from_atoms(atoms, CUTOFF, dtype=torch.float64) for atoms in several()]
    batch = AtomGraph.batch(graphs)
    assert batch.num_structures == len(graphs)
    assert batch.num_atoms == sum(graph.num_atoms for graph in graphs)
    assert batch.structure.tolist() == [0] + [1] * 6 + [2] + [3] * 2
    assert batch.pbc[0].all() and batch.pbc[3].tolist() == [True, True, False]
    assert torch.equal(batch.structure[batch.receiver], batch.structure[batch.sender])
    assert_close(vectors(batch), torch.cat([vectors(graph) for graph in graphs]), rtol=0, atol=0)
    assert bool((batch.receiver.diff() >= 0).all())


def test_batches_of_batches_are_batches():
    graphs = [AtomGraph.from_atoms(atoms, CUTOFF) for atoms in several()]
    nested = AtomGraph.batch([AtomGraph.batch(graphs[:2]), AtomGraph.batch(graphs[2:])])
    for name, value in vars(AtomGraph.batch(graphs)).items():
        assert torch.equal(value, getattr(nested, name)), name


def test_structures_without_edges_or_atoms():
    lonely = AtomGraph.from_atoms(Atoms("He"), CUTOFF)
    assert (lonely.num_edges, lonely.num_atoms) == (0, 1)
    assert lonely.shift.shape == (0, 3)
    empty = AtomGraph.from_atoms(Atoms(), CUTOFF)
    assert (empty.num_edges, empty.num_atoms, empty.num_structures) == (0, 0, 1)
    batch = AtomGraph.batch([lonely, empty, lonely])
    assert batch.structure.tolist() == [0, 2]


def test_change_of_type_touches_only_real_numbers():
    graph = AtomGraph.from_atoms(bulk("Cu"), CUTOFF, dtype=torch.float32).to("cpu", torch.float64)
    types = {name: value.dtype for name, value in vars(graph).items()}
    assert types == {
        "numbers": torch.int64, "positions": torch.float64, "cell": torch.float64, "pbc": torch.bool,
        "structure": torch.int64, "receiver": torch.int64, "sender": torch.int64, "shift": torch.float64,
    }  # fmt: skip
