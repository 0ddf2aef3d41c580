"""Each brick commutes with the rotations it should commute with."""

import torch
from torch import Tensor

from equical.model.bricks.activation import GateActivation, SphereProduct
from equical.model.bricks.embedding import force_harmonics
from equical.model.bricks.linear import SO2Linear, SO3Linear
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.bricks.radial import GaussianBasis, polynomial_envelope
from equical.model.v3.feedforward import FeedForward
from equical.model.v3.norm import MergedLayerNorm
from equical.so3.coefficients import edge_degrees, edge_index, edge_size
from equical.so3.wigner import wigner_blocks
from tests.rotations import e3nn_harmonics, random_rotation, rotation_from_angles

LMAX, MMAX, CHANNELS = 3, 2, 6


def block_diagonal(rotation: Tensor) -> Tensor:
    return torch.block_diag(*[block[0] for block in wigner_blocks(rotation[None], LMAX)])


def roll(angle: float) -> Tensor:
    """Rotation of edge coefficients by a roll about the edge, the polar axis."""
    rotation = rotation_from_angles(*torch.tensor([angle, 0.0, 0.0], dtype=torch.float64))
    index = list(edge_index(LMAX, MMAX))
    return block_diagonal(rotation)[index][:, index]


def assert_commutes(function: torch.nn.Module, rotation: Tensor, x: Tensor, *invariants: Tensor) -> None:
    before = function(*invariants, torch.einsum("ab,nbc->nac", rotation, x))
    after = torch.einsum("ab,nbc->nac", rotation, function(*invariants, x))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-12)
    assert (function(*invariants, x) - x[..., :1]).abs().max() > 1e-3, "a constant function proves nothing"


def test_bricks_on_atoms_commute_with_rotations() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, (LMAX + 1) ** 2, CHANNELS, dtype=torch.float64)
    rotation = block_diagonal(random_rotation())
    norm = MergedLayerNorm(LMAX, CHANNELS)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    for brick in (SO3Linear(LMAX, CHANNELS, 5), norm, FeedForward(LMAX, CHANNELS, 8, None)):
        assert_commutes(brick.double(), rotation, x)


def test_bricks_on_edges_commute_with_rolls() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, edge_size(LMAX, MMAX), CHANNELS, dtype=torch.float64)
    rotation = roll(0.7)
    linear = SO2Linear(LMAX, MMAX, CHANNELS, 4, extra=3).double()
    extra, y = linear(x)
    turned_extra, turned_y = linear(torch.einsum("ab,nbc->nac", rotation, x))
    torch.testing.assert_close(turned_extra, extra)
    torch.testing.assert_close(turned_y, torch.einsum("ab,nbc->nac", rotation, y))
    gate = GateActivation(LMAX, MMAX, CHANNELS).double()
    assert_commutes(gate, rotation, x, torch.randn(5, gate.num_scalars, dtype=torch.float64))
    product = SphereProduct(LMAX, MMAX, CHANNELS, None).double()
    scalars = torch.randn(5, product.num_scalars, dtype=torch.float64)
    other = torch.randn_like(x)
    turned = product(scalars, *(torch.einsum("ab,nbc->nac", rotation, signal) for signal in (x, other)))
    torch.testing.assert_close(turned, torch.einsum("ab,nbc->nac", rotation, product(scalars, x, other)))


def test_two_signals_are_the_two_halves_of_one() -> None:
    """Published weights hold both factors of the sphere product side by side in every degree."""
    torch.manual_seed(0)
    wide, twin = SO2Linear(LMAX, MMAX, CHANNELS, 8, extra=3), SO2Linear(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2)
    twin.load_state_dict(wide.state_dict())
    x = torch.randn(5, edge_size(LMAX, MMAX), CHANNELS)
    extra, y = wide(x)
    twin_extra, first, second = twin(x)
    torch.testing.assert_close(twin_extra, extra)
    torch.testing.assert_close(torch.cat([first, second], dim=-1), y)


def test_mirror_linear_commutes_with_rolls_and_mirrors() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, edge_size(LMAX, MMAX), CHANNELS, dtype=torch.float64)
    linear = O2Linear(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2).double()
    positions, degrees = edge_index(LMAX, MMAX), edge_degrees(LMAX, MMAX)
    orders = [position - degree * (degree + 1) for position, degree in zip(positions, degrees, strict=True)]
    flip = torch.diag(torch.tensor([-1.0 if m < 0 else 1.0 for m in orders], dtype=torch.float64))
    for symmetry in (roll(0.7), flip, flip @ roll(-2.1)):
        extra, *signals = linear(x)
        turned_extra, *turned = linear(torch.einsum("ab,nbc->nac", symmetry, x))
        torch.testing.assert_close(turned_extra, extra)
        for of_turned, of_x in zip(turned, signals, strict=True):
            torch.testing.assert_close(of_turned, torch.einsum("ab,nbc->nac", symmetry, of_x))


def test_mirror_linear_is_the_published_one_without_its_imaginary_part() -> None:
    torch.manual_seed(0)
    mirror, published = (brick(LMAX, MMAX, CHANNELS, 4, extra=3, signals=2) for brick in (O2Linear, SO2Linear))
    published.linear_m0.load_state_dict(mirror.linear_m0.state_dict())
    with torch.no_grad():
        for real, both in zip(mirror.weights, published.weights, strict=True):
            both.copy_(torch.cat([real, torch.zeros_like(real)]))
    x = torch.randn(5, edge_size(LMAX, MMAX), CHANNELS)
    torch.testing.assert_close(mirror(x), published(x))


def test_envelope_vanishes_with_two_derivatives_at_the_cutoff() -> None:
    distances = torch.tensor([0.1, 0.5, 0.9, 1.0, 1.7], dtype=torch.float64) * 5
    values = polynomial_envelope(distances, 5.0)
    torch.testing.assert_close(values[:3].tolist(), [0.9998235, 0.7734375, 0.0256915], rtol=0, atol=1e-7)
    assert values[3:].tolist() == [0.0, 0.0]
    at_cutoff = torch.tensor(5.0 - 1e-9, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(polynomial_envelope(at_cutoff, 5.0), at_cutoff, create_graph=True)
    (curvature,) = torch.autograd.grad(slope, at_cutoff)
    assert abs(slope.item()) < 1e-12
    assert abs(curvature.item()) < 1e-6


def test_gaussians_span_zero_to_cutoff() -> None:
    basis = GaussianBasis(6.0, 4)
    assert basis.centers.tolist() == [0.0, 2.0, 4.0, 6.0]
    torch.testing.assert_close(basis(torch.tensor([4.0], dtype=torch.float64))[0, 2].item(), 1.0)
    torch.testing.assert_close(basis(torch.tensor([4.0], dtype=torch.float64))[0, 3].item(), 0.8824969025845955)


def test_forces_are_encoded_as_harmonics_of_their_direction_and_their_length() -> None:
    forces = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    forces[1] *= 1e3
    forces[4] = torch.tensor([0.0, -2.0, 0.0])
    forces[5] = 0.0
    length = forces.norm(dim=1, keepdim=True)
    expected = e3nn_harmonics(forces, LMAX) * length / 3**0.5
    torch.testing.assert_close(force_harmonics(forces, LMAX)[:, :, 0], expected, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(force_harmonics(forces, LMAX)[:, 1:4, 0], forces)
    assert not force_harmonics(forces, LMAX)[5].any()
