import torch

from equical.so3.coefficients import edge_index, edge_rescale
from equical.so3.frames import edge_frames
from equical.so3.harmonics import spherical_harmonics
from equical.so3.wigner import edge_rotations, wigner_blocks
from tests.directions import hard_directions
from tests.rotations import e3nn_wigner_matrix, random_rotations, rotation_from_angles
from tests.tolerances import EXACT

LMAX = 8


def test_blocks_equal_e3nn_up_to_degree_eight() -> None:
    angles = torch.rand(3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    rotations = rotation_from_angles(*angles)
    # e3nn builds its generators in single precision; the next test is the sharp one.
    for degree, block in enumerate(wigner_blocks(rotations, LMAX)):
        torch.testing.assert_close(block, e3nn_wigner_matrix(degree, *angles), rtol=0, atol=2e-6)


def test_blocks_turn_harmonics() -> None:
    rotations = edge_frames(hard_directions())
    points = torch.nn.functional.normalize(torch.randn(len(rotations), 3, dtype=torch.float64), dim=-1)
    turned = spherical_harmonics((rotations @ points[:, :, None])[:, :, 0], LMAX)
    harmonics = spherical_harmonics(points, LMAX)
    for degree, block in enumerate(wigner_blocks(rotations, LMAX)):
        orders = slice(degree**2, (degree + 1) ** 2)
        torch.testing.assert_close((block @ harmonics[:, orders, None])[:, :, 0], turned[:, orders], rtol=0, atol=EXACT)


def test_edge_rotations_keep_the_chosen_orders_and_make_up_for_the_others() -> None:
    rotations = random_rotations(5)
    lmax, mmax = 4, 2
    full = torch.zeros(5, 25, 25, dtype=torch.float64)
    for degree, block in enumerate(wigner_blocks(rotations, lmax)):
        full[:, degree**2 : (degree + 1) ** 2, degree**2 : (degree + 1) ** 2] = block
    result = edge_rotations(rotations, lmax, mmax)
    kept = full[:, list(edge_index(lmax, mmax))]
    torch.testing.assert_close(result.into_frame, kept)
    rescale = torch.tensor(edge_rescale(lmax, mmax), dtype=torch.float64)
    torch.testing.assert_close(result.out_of_frame, (kept * rescale[:, None]).transpose(1, 2))
    torch.testing.assert_close(result.axial, result.out_of_frame[:, :, : lmax + 1])
