"""Edges in chunks give what edges all at once give."""

import pytest
import torch
from ase import Atoms
from ase.build import bulk

from equical.graph import AtomGraph
from equical.model import ModelConfig, Potential
from equical.model import potential as potential_module
from equical.model.kernels import chunks

CONFIG = ModelConfig(
    cutoff=4.0, channels=8, attention_hidden=4, num_heads=2, alpha_channels=4, value_channels=4, ffn_hidden=8
)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_EDGES", 20)
    monkeypatch.setattr(potential_module, "CHUNK_EDGES", 20)


def structure() -> AtomGraph:
    """Copper with a vacancy, an atom far away from all others in the middle of the list, and one at the end."""
    copper = bulk("Cu", cubic=True) * (2, 2, 1)
    copper.rattle(0.1, seed=0)
    del copper[3]
    cluster = Atoms(copper.symbols, copper.positions, cell=[30, 30, 30], pbc=True)
    lonely = Atoms("Cu2", [[20, 20, 20], [28, 15, 15]])
    return AtomGraph.from_atoms(cluster[:5] + lonely[:1] + cluster[5:] + lonely[1:], CONFIG.cutoff, torch.float64)


@pytest.mark.parametrize("changes", [{}, {"merge": "add", "message_channels": 4}, {"forces": "direct"}])
def test_chunks_change_nothing(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    potential = Potential(CONFIG.model_copy(update=changes), [29], dtype=torch.float64)
    whole = potential.predict(structure(), forces=True, stress=True)
    monkeypatch.setattr(chunks, "CHUNK_EDGES", 20)
    monkeypatch.setattr(potential_module, "CHUNK_EDGES", 20)
    monkeypatch.setattr(chunks, "CHUNK_ATOMS", 5)
    parts = potential.predict(structure(), forces=True, stress=True)
    for name in ("energy", "atom_energies", "forces", "stress"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=0, atol=1e-12)
    assert whole.forces is not None
    assert whole.forces.abs().max() > 1e-3


def test_chunks_hold_whole_receivers_and_together_everything(small_chunks: None) -> None:
    graph = structure()
    vectors = potential_module.edge_vectors(graph)
    divided = chunks.chunk_edges(graph.numbers, vectors, graph.sender, graph.receiver, lambda *_: None)  # type: ignore[arg-type, return-value]
    assert len(divided.chunks) > 3
    assert [chunk.edges.start for chunk in divided.chunks[1:]] == [chunk.edges.stop for chunk in divided.chunks[:-1]]
    assert divided.chunks[-1].edges.stop == graph.num_edges
    assert divided.chunks[-1].atoms.stop == graph.num_atoms
    for chunk in divided.chunks:
        assert torch.equal(chunk.receiver + chunk.atoms.start, graph.receiver[chunk.edges])
        assert chunk.edges.stop - chunk.edges.start <= 20
