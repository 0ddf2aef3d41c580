"""Messages that pass a few edges at a time are the messages that pass all at once."""

from typing import Any

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from equical.graph import AtomGraph
from equical.model import EquiformerV2Config, ModelConfig, Potential
from equical.model.bricks.linear import SO2Linear
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.kernels import streaming
from equical.model.potential import edge_vectors
from equical.model.v3 import attention
from equical.so3.coefficients import edge_size

CONFIG = ModelConfig(
    cutoff=4.0, channels=8, attention_hidden=4, num_heads=2, alpha_channels=4, value_channels=4, ffn_hidden=8,
    lmax=3, mmax=2, num_layers=2,
)  # fmt: skip
KINDS: dict[str, dict[str, object]] = {
    "gradient": {},
    "mirror": {"mirror": True},
    "gates": {"edge_activation": "gate", "envelope": False},
    "direct": {"forces": "direct"},
}


def frozen(kind: str, dtype: torch.dtype = torch.float64) -> Potential:
    torch.manual_seed(0)
    return Potential(CONFIG.model_copy(update=KINDS[kind]), [29], dtype=dtype).freeze()


def structure() -> AtomGraph:
    """Rattled copper with vacuum, and an atom without neighbours."""
    copper = bulk("Cu", cubic=True) * (2, 1, 1)
    copper.rattle(0.1, seed=0)
    cluster = Atoms(copper.symbols, copper.positions, cell=[30, 30, 30], pbc=True)
    return AtomGraph.from_atoms(cluster[:5] + Atoms("Cu", [[20, 20, 20]]) + cluster[5:], CONFIG.cutoff, torch.float64)


@pytest.mark.parametrize("elements", [1, 2000, 1 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_streaming_changes_nothing(kind: str, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAM_ELEMENTS", elements)
    potential, graph = frozen(kind), structure()
    whole = potential.predict(graph, stress=True, chunked=False)
    for found in (potential.predict(graph, stress=True), potential.predict(graph, stress=True, chunked=True)):
        for name in ("energy", "atom_energies", "forces", "stress"):
            expected = getattr(whole, name)
            torch.testing.assert_close(getattr(found, name), expected, rtol=1e-10, atol=1e-12, equal_nan=True)
    assert whole.forces is not None
    assert whole.forces.abs().max() > 1e-3


@pytest.mark.parametrize("elements", [1, 2000])
def test_streaming_changes_nothing_in_the_second_generation(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAM_ELEMENTS", elements)
    torch.manual_seed(0)
    network = Potential(
        EquiformerV2Config(
            cutoff=4.0, max_neighbors=7, num_layers=1, channels=4, lmax=3, mmax=2, attention_hidden=4, num_heads=2,
            alpha_channels=4, value_channels=4, ffn_hidden=4, edge_channels=4, num_radial=6, edge_grid=(8, 8),
            node_grid=(8, 8),
        ), [29], dtype=torch.float64,
    ).network  # fmt: skip
    graph = structure()
    inputs = graph.numbers, edge_vectors(graph), graph.sender, graph.receiver
    whole = network(*inputs)
    with torch.no_grad():
        streamed = network(*inputs)
    torch.testing.assert_close(streamed.energy, whole.energy, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(streamed.forces, whole.forces, rtol=1e-10, atol=1e-12)
    assert whole.forces.abs().max() > 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_atoms_without_neighbours(kind: str) -> None:
    lonely = AtomGraph.from_atoms(Atoms("Cu2", [[0, 0, 0], [9, 0, 0]]), CONFIG.cutoff, torch.float64)
    potential = frozen(kind)
    found, expected = potential.predict(lonely), potential.predict(lonely, chunked=False)
    torch.testing.assert_close(found.energy, expected.energy)
    assert found.forces is not None
    assert not found.forces.any()


@pytest.mark.parametrize(
    ("arguments", "unfreeze", "streams"),
    [({}, False, True), ({"chunked": False}, False, False), ({"create_graph": True}, False, False), ({}, True, False)],
)
def test_only_frozen_networks_stream(
    arguments: dict[str, bool], unfreeze: bool, streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def count(*inputs: Any) -> tuple[Tensor, ...]:
        calls.append(inputs)
        return streaming.hidden_features(*inputs)

    monkeypatch.setattr(attention, "hidden_features", count)
    potential = frozen("gradient").requires_grad_(unfreeze)
    potential.predict(structure(), **arguments)  # type: ignore[arg-type]
    assert len(calls) == (CONFIG.num_layers if streams else 0)


@pytest.mark.parametrize("brick", [SO2Linear, O2Linear])
def test_adjoint_is_the_transpose(brick: type[SO2Linear]) -> None:
    torch.manual_seed(0)
    linear = brick(3, 2, 6, 4, extra=3, signals=2).double().requires_grad_(False)
    torch.nn.init.zeros_(linear.linear_m0.bias)
    x = torch.randn(5, edge_size(3, 2), 6, dtype=torch.float64, requires_grad=True)
    outputs = linear(x)
    grads: list[Tensor] = [torch.randn_like(output) for output in outputs]
    (expected,) = torch.autograd.grad(outputs, x, grads)
    torch.testing.assert_close(linear.adjoint(*grads), expected)
