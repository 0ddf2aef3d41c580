"""Prepared matrices give what the weights give."""

import pytest
import torch
from torch import Tensor

from equical.model.bricks.linear import SO2Linear
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.frozen.linear import BFloat16Matrix, FrozenO2Linear, FrozenSO2Linear
from equical.so3.coefficients import edge_size

LMAX, MMAX, CHANNELS = 3, 2, 6
TWINS = [(SO2Linear, FrozenSO2Linear), (O2Linear, FrozenO2Linear)]


def edges(dtype: torch.dtype) -> Tensor:
    return torch.randn(5, edge_size(LMAX, MMAX), CHANNELS, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize(("brick", "twin"), TWINS)
def test_values_and_first_derivatives_are_those_of_the_plain_twin(brick, twin, signals: int) -> None:
    torch.manual_seed(0)
    plain, x = brick(LMAX, MMAX, CHANNELS, 4, extra=3, signals=signals).double(), edges(torch.float64)
    frozen = twin(plain)
    assert list(frozen.parameters()) == [] and frozen.state_dict() == {}
    found, expected = frozen(x), plain(x)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)
    slopes = [torch.autograd.grad(sum(y.sin().sum() for y in outputs), x)[0] for outputs in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("brick", "twin"), TWINS)
def test_the_adjoint_is_the_transpose(brick, twin) -> None:
    torch.manual_seed(0)
    plain, x = brick(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2).double(), edges(torch.float64)
    outputs = plain(x)
    grads = [torch.randn_like(output) for output in outputs]
    (expected,) = torch.autograd.grad(outputs, x, grads)
    torch.testing.assert_close(twin(plain).adjoint(*grads), expected)


@pytest.mark.parametrize(("brick", "twin"), TWINS)
def test_bfloat16_is_close_and_another_number(brick, twin) -> None:
    torch.manual_seed(0)
    plain, x = brick(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2), edges(torch.float32)
    exact, narrow = plain(x), twin(plain, BFloat16Matrix)
    reduced = narrow(x)
    for ours, theirs in zip(reduced, exact, strict=True):
        assert ours.dtype == torch.float32
        assert not torch.equal(ours, theirs)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=3e-2)
    slopes = [torch.autograd.grad(sum(y.sum() for y in outputs), x)[0] for outputs in (reduced, exact)]
    torch.testing.assert_close(*slopes, rtol=0, atol=5e-2)
    torch.testing.assert_close(narrow.adjoint(*map(torch.ones_like, exact)), slopes[1], rtol=0, atol=5e-2)


def test_no_edges_at_all() -> None:
    for brick, twin in TWINS:
        frozen = twin(brick(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2))
        extra, first, _ = frozen(torch.zeros(0, edge_size(LMAX, MMAX), CHANNELS))
        assert (len(extra), len(first)) == (0, 0)
        assert len(frozen.adjoint(extra, first, first)) == 0
