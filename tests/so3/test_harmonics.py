import torch

from equical.so3.harmonics import spherical_harmonics
from tests.directions import hard_directions
from tests.rotations import e3nn_harmonics
from tests.tolerances import EXACT


def test_harmonics_equal_e3nn_up_to_degree_eight() -> None:
    directions = hard_directions()
    torch.testing.assert_close(spherical_harmonics(directions, 8), e3nn_harmonics(directions, 8), rtol=0, atol=EXACT)


def test_degree_one_is_the_vector_and_degree_two_has_its_published_values() -> None:
    direction = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64) / 14**0.5
    harmonics = spherical_harmonics(direction, 2)
    torch.testing.assert_close(harmonics[1:4], 3**0.5 * direction)
    expected = torch.tensor(
        [0.829925002759, 0.553283335172, -0.159719141250, 1.659850005517, 1.106566670345], dtype=torch.float64
    )
    torch.testing.assert_close(harmonics[4:], expected, rtol=0, atol=1e-11)
