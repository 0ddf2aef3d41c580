"""Depth-wise products and gates against e3nn's."""

import warnings

import pytest
import torch

from equical.model.v1.irreps import Irreps
from equical.model.v1.linear import SIGMOID_NORM, SILU_NORM, Gate
from equical.model.v1.messages import LEAKY_NORM
from equical.model.v1.product import DepthwiseProduct, coupling_tables
from equical.so3.harmonics import spherical_harmonics

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from e3nn import o3
    from e3nn.math import normalize2mom

CLOSE = 1e-6
"""e3nn keeps its couplings in single precision."""


def e3nn_rows(irreps: Irreps, features: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Features as e3nn lays them out, channels before components."""
    return torch.cat([part.transpose(1, 2).flatten(1) for part in features], dim=1)


@pytest.mark.parametrize(
    ("text", "harmonics"), [("3x0e+2x1e+1x2e", "1x0e+1x1e+1x2e"), ("2x0e+1x0o+2x1e+2x1o", "1x0e+1x1o")]
)
def test_product_is_that_of_e3nn(text, harmonics):
    irreps = Irreps.parse(text)
    product = DepthwiseProduct(irreps, irreps, irreps.lmax, odd_harmonics=irreps.odd)
    x = tuple(torch.randn(4, 2 * d + 1, n, dtype=torch.float64) for n, (d, _) in irreps.parts)
    directions = torch.nn.functional.normalize(torch.randn(4, 3, dtype=torch.float64), dim=1)
    values = spherical_harmonics(directions, irreps.lmax)
    tables = coupling_tables(irreps.lmax)
    couplings = tuple((values @ table).unflatten(1, (-1, 2 * d + 1)) for d, table in enumerate(tables))
    weights = torch.randn(4, product.num_weights, dtype=torch.float64)
    found = product(x, couplings, weights)

    theirs, edge = o3.Irreps(text), o3.Irreps(harmonics)
    first = 0
    expected = {kind: [] for kind in product.outputs.kinds}
    rows = e3nn_rows(irreps, x)
    for (channels, ours), where in zip(theirs, theirs.slices(), strict=True):
        for (_, other), part in zip(edge, edge.slices(), strict=True):
            for out in ours * other:
                if (out.l, out.p) not in expected:
                    continue
                coupling = out.dim**0.5 * o3.wigner_3j(ours.l, other.l, out.l, dtype=torch.float64)
                left = rows[:, where].unflatten(1, (channels, ours.dim))
                value = torch.einsum("nui,nj,ijk->nku", left, values[:, part], coupling)
                expected[out.l, out.p].append(value * weights[:, None, first : first + channels])
                first += channels
    assert first == product.num_weights
    for kind, part in zip(product.outputs.kinds, found, strict=True):
        torch.testing.assert_close(part, torch.cat(expected[kind], dim=2), rtol=0, atol=CLOSE)


def test_non_linearities_are_normalised_as_by_e3nn():
    def leaky(x):
        return 0.6 * x + 0.4 * x * (2 * torch.sigmoid(x) - 1)

    functions = (torch.nn.functional.silu, torch.sigmoid, leaky)
    assert [normalize2mom(f).cst for f in functions] == pytest.approx([SILU_NORM, SIGMOID_NORM, LEAKY_NORM], rel=1e-9)


def test_gates_open_every_other_feature():
    irreps = Irreps.parse("2x0e+1x0o+2x1e")
    gate = Gate(irreps)
    assert str(gate.inputs) == "5x0e+1x0o+2x1e"
    scalars = torch.tensor([[[0.0, 1.0, -100.0, 0.0, 100.0]]], dtype=torch.float64)
    others = (torch.ones(1, 1, 1, dtype=torch.float64), torch.ones(1, 3, 2, dtype=torch.float64))
    silu, odd, vectors = gate((scalars, *others))
    assert silu.flatten().tolist() == pytest.approx([0.0, SILU_NORM / (1 + 2.718281828459045**-1)])
    assert odd.item() == pytest.approx(0, abs=1e-12)
    assert vectors[0].tolist() == [pytest.approx([SIGMOID_NORM / 2, SIGMOID_NORM])] * 3
