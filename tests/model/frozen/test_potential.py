"""Frozen force fields give the numbers of the plain one, in pieces of any size."""

import copy

import pytest
import torch
from ase import Atoms
from ase.build import bulk

from equical.graph import AtomGraph
from equical.inference.memory import PeakMemory
from equical.model import EquiformerV2Config, ModelConfig, Potential
from equical.model.frozen import BFloat16Matrix, edges, freeze, freeze_in_pieces, freeze_whole
from equical.model.frozen.edges import ChunkedGeometry
from equical.model.frozen.linear import FrozenO2Linear, FrozenSO2Linear
from equical.model.frozen.streamed import StreamedActivationV2, StreamedAttention, StreamedAttentionV2
from equical.model.kernels import sphere_product, streaming
from equical.prediction import Prediction
from tests.conftest import TINY_V1

V3 = {
    "cutoff": 4.0, "channels": 8, "attention_hidden": 4, "num_heads": 2, "alpha_channels": 4, "value_channels": 4,
    "ffn_hidden": 8, "lmax": 3, "mmax": 2,
}  # fmt: skip
V2 = V3 | {
    "max_neighbors": 7, "num_layers": 1, "channels": 4, "ffn_hidden": 4, "edge_channels": 4, "num_radial": 6,
    "edge_grid": (8, 8), "node_grid": (8, 8), "stress": "both",
}  # fmt: skip
CONFIGS = {
    "gradient": ModelConfig(**V3),
    "mirror": ModelConfig(**V3, mirror=True),
    "gates": ModelConfig(**V3, edge_activation="gate", envelope=False),
    "narrow messages": ModelConfig(**V3, merge="add", message_channels=4, repulsion="zbl"),
    "direct": ModelConfig(**V3, forces="direct"),
    "second generation": EquiformerV2Config(**V2),
    "first generation": TINY_V1,
}


def force_field(kind: str) -> Potential:
    torch.manual_seed(0)
    return Potential(CONFIGS[kind], [29], dtype=torch.float64)


def structure() -> AtomGraph:
    """Copper with a vacancy, an atom far away from all others in the middle of the list, and one at the end."""
    copper = bulk("Cu", cubic=True) * (2, 2, 1)
    copper.rattle(0.1, seed=0)
    del copper[3]
    cluster = Atoms(copper.symbols, copper.positions, cell=[30, 30, 30], pbc=True)
    lonely = Atoms("Cu2", [[20, 20, 20], [28, 15, 15]])
    return AtomGraph.from_atoms(cluster[:5] + lonely[:1] + cluster[5:] + lonely[1:], 4.0, torch.float64)


def assert_same(found: Prediction, expected: Prediction) -> None:
    for name in ("energy", "atom_energies", "forces", "stress"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-10, atol=1e-12)
    assert expected.forces.abs().max() > 1e-5


@pytest.mark.parametrize("elements", [1, 2000, 1 << 20])
@pytest.mark.parametrize("kind", CONFIGS)
def test_pieces_of_any_size_give_energy_forces_and_stress_of_the_plain_force_field(kind, elements, monkeypatch) -> None:
    for module, name in ((streaming, "STREAM_ELEMENTS"), (sphere_product, "CHUNK_ELEMENTS")):
        monkeypatch.setattr(module, name, elements)
    plain, graph = force_field(kind), structure()
    expected = plain.predict(graph, stress=True)
    assert_same(freeze_whole(plain).predict(graph, stress=True), expected)
    assert_same(freeze_in_pieces(plain).predict(graph, stress=True), expected)


@pytest.mark.parametrize("kind", CONFIGS)
def test_chunks_of_edges_change_nothing(kind, monkeypatch) -> None:
    monkeypatch.setattr(edges, "CHUNK_EDGES", 20)
    monkeypatch.setattr(edges, "CHUNK_ATOMS", 5)
    plain, graph = force_field(kind), structure()
    assert graph.num_edges > 60
    assert_same(freeze_in_pieces(plain).predict(graph, stress=True), plain.predict(graph, stress=True))


@pytest.mark.parametrize("kind", CONFIGS)
def test_atoms_without_neighbours(kind) -> None:
    lonely = AtomGraph.from_atoms(Atoms("Cu2", [[0, 0, 0], [9, 0, 0]]), 4.0, torch.float64)
    plain = force_field(kind)
    for frozen in (freeze_whole(plain), freeze_in_pieces(plain)):
        found = frozen.predict(lonely)
        torch.testing.assert_close(found.energy, plain.predict(lonely).energy)
        assert not found.forces.any()


def classes(potential: Potential) -> set[type]:
    return {type(module) for module in potential.modules()}


def test_each_brick_has_the_twin_it_should_have() -> None:
    pieces = {StreamedAttention, ChunkedGeometry}
    assert classes(freeze_in_pieces(force_field("mirror"))) >= {*pieces, FrozenO2Linear}
    assert classes(freeze_in_pieces(force_field("gradient"))) >= {*pieces, FrozenSO2Linear}
    narrow = classes(freeze_in_pieces(force_field("narrow messages")))
    assert {ChunkedGeometry, FrozenSO2Linear} <= narrow and StreamedAttention not in narrow
    second = {StreamedAttentionV2, StreamedActivationV2, FrozenSO2Linear}
    assert classes(freeze_in_pieces(force_field("second generation"))) >= second
    for kind in CONFIGS:
        assert classes(freeze_whole(force_field(kind))).isdisjoint({*pieces, *second} - {FrozenSO2Linear})
    assert classes(freeze(force_field("gradient"))) == classes(freeze_in_pieces(force_field("gradient")))
    assert BFloat16Matrix in classes(freeze(force_field("gradient"), BFloat16Matrix))


def test_the_plain_force_field_is_left_as_it_is() -> None:
    plain = force_field("gradient").train()
    before, kinds = copy.deepcopy(plain.state_dict()), classes(plain)
    frozen = freeze(plain)
    frozen.predict(structure())
    assert classes(plain) == kinds and plain.training
    assert all(weight.requires_grad and weight.grad is None for weight in plain.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in plain.state_dict().items())
    plain.predict(structure(), create_graph=True).forces.sum().backward()
    assert plain.network.blocks[0].attention.so2_linear_1.linear_m0.weight.grad is not None


def test_weights_are_not_copied() -> None:
    plain = force_field("gradient")
    ours, theirs = (p.network.blocks[0].feedforward.so3_linear_1.weight for p in (freeze(plain), plain))
    assert ours.data_ptr() == theirs.data_ptr() and not ours.requires_grad


def test_a_frozen_force_field_refuses_to_be_converted() -> None:
    frozen = freeze(force_field("gradient"))
    for change in (frozen.float, frozen.cpu, lambda: frozen.to(torch.float32)):
        with pytest.raises(TypeError, match="freeze that again"):
            change()


def test_the_memory_of_a_large_structure_is_that_of_its_chunks(monkeypatch) -> None:
    monkeypatch.setattr(edges, "CHUNK_EDGES", 100)
    monkeypatch.setattr(edges, "CHUNK_ATOMS", 5)
    monkeypatch.setattr(streaming, "STREAM_ELEMENTS", 2000)
    plain, peaks = force_field("gradient"), []
    graph = plain.graph(bulk("Cu", cubic=True) * (3, 3, 2))
    assert graph.num_edges > 1000
    for potential in (plain, freeze_in_pieces(plain)):
        potential.predict(graph)
        with PeakMemory() as used:
            potential.predict(graph)
        peaks.append(used.peak)
    assert peaks[1] < 0.15 * peaks[0]
