import itertools
import warnings

import numpy as np
import pytest
import torch

from equical.so3.couplings import wigner_3j
from tests.rotations import e3nn_wigner_matrix
from tests.tolerances import EXACT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from e3nn import o3

TRIPLES = [t for t in itertools.product(range(3), repeat=3) if abs(t[0] - t[1]) <= t[2] <= t[0] + t[1]]


@pytest.mark.parametrize("degrees", [*TRIPLES, (4, 3, 5)], ids=str)
def test_couplings_equal_e3nn(degrees):
    expected = o3.wigner_3j(*degrees, dtype=torch.float64).numpy()
    np.testing.assert_allclose(wigner_3j(*degrees), expected, rtol=0, atol=2e-6)  # e3nn stores single precision


@pytest.mark.parametrize("degrees", [(1, 1, 2), (2, 3, 4)], ids=str)
def test_couplings_are_the_same_in_every_frame(degrees):
    angles = torch.tensor([0.3, 1.1, -2.0], dtype=torch.float64)
    turns = [e3nn_wigner_matrix(degree, *angles).numpy() for degree in degrees]
    coupling = wigner_3j(*degrees)
    np.testing.assert_allclose(np.einsum("abc,ai,bj,ck->ijk", coupling, *turns), coupling, rtol=0, atol=5e-6)


def test_couplings_of_the_same_two_degrees_are_orthogonal():
    rows = np.concatenate([wigner_3j(2, 3, third) * (2 * third + 1) ** 0.5 for third in range(1, 6)], axis=2)
    matrix = rows.reshape(35, 35)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(35), rtol=0, atol=EXACT)
