import torch

from equical.so3.frames import edge_frames
from tests.directions import hard_directions


def test_frames_are_rotations_onto_the_polar_axis() -> None:
    directions = hard_directions()
    frames = edge_frames(directions)
    identity = torch.eye(3, dtype=torch.float64).expand_as(frames)
    torch.testing.assert_close(frames @ frames.transpose(1, 2), identity, rtol=0, atol=1e-14)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(len(frames), dtype=torch.float64))
    turned = (frames @ directions[:, :, None])[:, :, 0]
    torch.testing.assert_close(turned, identity[:, 1], rtol=0, atol=1e-14)


def test_derivatives_are_finite_and_exact_in_every_direction() -> None:
    # Steps along the sphere that stay in one chart; the switch between charts is a roll, see the test of the network.
    directions = hard_directions()
    directions = directions[directions[:, 1].abs() > 1e-5]

    def frames_of(vectors: torch.Tensor) -> torch.Tensor:
        return edge_frames(torch.nn.functional.normalize(vectors, dim=-1))

    assert torch.autograd.gradcheck(frames_of, directions.requires_grad_(), eps=1e-6, atol=1e-8)
    assert torch.autograd.gradgradcheck(frames_of, directions[:6], eps=1e-6, atol=1e-6)


def test_same_direction_same_frame() -> None:
    directions = hard_directions()
    assert torch.equal(edge_frames(directions), edge_frames(directions.clone()))
