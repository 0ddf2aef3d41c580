"""The frame of EquiformerV2: onto the polar axis, with a roll given by the azimuth."""

import numpy as np
import pytest
import torch

from equical.so3.frames import azimuthal_frames

AXES = [[0, 1, 0], [0, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]]


@pytest.fixture
def directions() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    random = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    close = torch.tensor([0, 1, 0]) + 1e-9 * random[:5]
    all_of_them = torch.cat([random, close, torch.tensor(AXES, dtype=torch.float64)])
    return all_of_them / all_of_them.norm(dim=1, keepdim=True)


def test_directions_become_the_polar_axis(directions):
    rotated = torch.einsum("eij,ej->ei", azimuthal_frames(directions), directions)
    torch.testing.assert_close(rotated, torch.tensor([[0.0, 1.0, 0.0]]).to(rotated).expand_as(rotated))


def test_frames_are_proper_rotations(directions):
    frames = azimuthal_frames(directions)
    torch.testing.assert_close(frames @ frames.transpose(1, 2), torch.eye(3).to(frames).expand_as(frames))
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(len(frames)).to(frames))


def test_frames_are_the_published_ones(directions):
    """(R_y(α) R_x(β))ᵀ with α = atan2(u_x, u_z) and β = acos(u_y)."""
    for direction, frame in zip(directions.numpy(), azimuthal_frames(directions).numpy(), strict=True):
        if np.hypot(direction[0], direction[2]) < 1e-6:  # the azimuth is undefined there
            continue
        alpha, beta = np.arctan2(direction[0], direction[2]), np.arccos(direction[1])
        about_y = [[np.cos(alpha), 0, np.sin(alpha)], [0, 1, 0], [-np.sin(alpha), 0, np.cos(alpha)]]
        about_x = [[1, 0, 0], [0, np.cos(beta), -np.sin(beta)], [0, np.sin(beta), np.cos(beta)]]
        np.testing.assert_allclose(frame, (np.array(about_y) @ about_x).T, atol=1e-7)
