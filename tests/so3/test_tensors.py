"""Symmetric tensors as coefficients that turn with the harmonics."""

import torch

from equical.so3.tensors import symmetric_tensor_basis
from equical.so3.wigner import wigner_blocks
from tests.rotations import random_rotation


def test_basis_is_orthonormal():
    basis = symmetric_tensor_basis()
    gram = torch.einsum("aij,bij->ab", basis, basis)
    torch.testing.assert_close(gram, torch.diag(torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 1, 1])).to(gram))
    torch.testing.assert_close(basis, basis.transpose(1, 2))


def test_degree_two_turns_like_harmonics():
    rotation = random_rotation()
    matrix = wigner_blocks(rotation[None], 2)[2][0]
    basis = symmetric_tensor_basis()[4:]
    turned = rotation @ basis @ rotation.T
    torch.testing.assert_close(turned, torch.einsum("ba,bij->aij", matrix, basis))
