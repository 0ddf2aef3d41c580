"""What passes a few edges at a time is what passes all at once."""

import pytest
import torch
from torch import Tensor

from equical.model.bricks.linear import SO2Linear
from equical.model.frozen.linear import FrozenSO2Linear
from equical.model.kernels import streaming
from equical.model.kernels.segment import Rows
from equical.so3.coefficients import edge_size

LMAX, MMAX, CHANNELS, ATOMS = 2, 1, 3, 4
RECEIVER = torch.tensor([0, 0, 1, 1, 1, 3])
SENDER = torch.tensor([1, 3, 0, 1, 2, 0])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...], inputs: list[Tensor]) -> None:
    """Values and first derivatives."""
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)
    slopes = [torch.autograd.grad(sum(y.sin().sum() for y in outputs), inputs) for outputs in (found, expected)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)
        assert other.abs().max() > 1e-3


@pytest.fixture(params=[1, 100, 1 << 20], autouse=True)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Single edges, a few, and all."""
    monkeypatch.setattr(streaming, "STREAM_ELEMENTS", request.param)


def test_hidden_features() -> None:
    torch.manual_seed(0)
    linear = FrozenSO2Linear(SO2Linear(LMAX, MMAX, 2 * CHANNELS, 2, extra=3, signals=2).double())
    coefficients, kept = (LMAX + 1) ** 2, edge_size(LMAX, MMAX)
    inputs = [draw(ATOMS, coefficients, CHANNELS), draw(ATOMS, coefficients, CHANNELS, seed=1)]
    inputs += [draw(len(RECEIVER), LMAX + 1, 2 * CHANNELS, seed=2), draw(len(RECEIVER), kept, coefficients, seed=3)]
    of_senders, of_receivers, weights, into_frame = inputs
    arguments = linear, Rows(of_senders, SENDER), Rows(of_receivers, RECEIVER), weights, into_frame
    assert_same(streaming.hidden_features(*arguments), streaming.plain_hidden_features(*arguments), inputs)


def test_sum_out_of_frames() -> None:
    coefficients, kept = (LMAX + 1) ** 2, edge_size(LMAX, MMAX)
    inputs = [draw(6, kept, 4), draw(6, 4, seed=1), draw(6, coefficients, kept, seed=2)]
    found, expected = (
        of(*inputs, RECEIVER, ATOMS) for of in (streaming.sum_out_of_frames, streaming.plain_sum_out_of_frames)
    )
    assert_same((found,), (expected,), inputs)
    assert not found[2].any()  # receives nothing


def test_no_edges_at_all() -> None:
    nothing = torch.zeros(0, edge_size(LMAX, MMAX), 4, dtype=torch.float64)
    frames = torch.zeros(0, (LMAX + 1) ** 2, edge_size(LMAX, MMAX), dtype=torch.float64)
    index = torch.zeros(0, dtype=torch.int64)
    assert not streaming.sum_out_of_frames(nothing, nothing[:, 0], frames, index, ATOMS).any()
