"""An analytic repulsive core, so that atoms never fall into each other where no data was."""

import torch
from torch import Tensor, nn

from equical.model.bricks.radial import polynomial_envelope
from equical.model.kernels.segment import segment_sum

__all__ = ["ZBLRepulsion"]

COULOMB = 14.399645351950548
"""e²/4πε₀ in eV·Å."""

BOHR = 0.529177210903
"""Bohr radius in Å."""


class ZBLRepulsion(nn.Module):
    """Screened nuclear repulsion of Ziegler, Biersack and Littmark (1985), faded out at the sum of covalent radii."""

    radii: Tensor

    def __init__(self, max_elements: int):
        super().__init__()
        from ase.data import covalent_radii

        radii = torch.tensor(covalent_radii[:max_elements], dtype=torch.float64)
        self.register_buffer("radii", radii, persistent=False)

    def forward(self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor) -> Tensor:
        """Repulsive energy of each atom, half of each of its pairs: ``[N]`` eV."""
        distance = vectors.square().sum(dim=-1).sqrt()
        z_sender, z_receiver = numbers[sender].to(distance.dtype), numbers[receiver].to(distance.dtype)
        length = 0.88534 * BOHR / (z_sender**0.23 + z_receiver**0.23)
        x = distance / length
        screening = (
            0.18175 * torch.exp(-3.19980 * x)
            + 0.50986 * torch.exp(-0.94229 * x)
            + 0.28022 * torch.exp(-0.40290 * x)
            + 0.02817 * torch.exp(-0.20162 * x)
        )
        reach = self.radii.index_select(0, numbers[sender]) + self.radii.index_select(0, numbers[receiver])
        fade = polynomial_envelope(distance / reach, 1.0)
        pair = COULOMB * z_sender * z_receiver / distance * screening * fade
        return 0.5 * segment_sum(pair[:, None], receiver, numbers.shape[0]).squeeze(-1)
