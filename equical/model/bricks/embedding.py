"""First features of an atom: its element, its surroundings and, in DeNS training, the forces on it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeFeatures, Edges, Rows
from equical.model.bricks.linear import SO3Linear
from equical.model.bricks.radial import RadialMLP
from equical.model.kernels.segment import segment_sum
from equical.model.v2.config import EquiformerV2Config
from equical.model.v3.config import ModelConfig

__all__ = ["AtomEmbedding", "EdgeDegreeEmbedding", "ForceEmbedding", "ForceEncoding", "force_harmonics"]


class AtomEmbedding(nn.Module):
    """A learned vector for each element, on degree zero."""

    def __init__(self, config: ModelConfig | EquiformerV2Config):
        super().__init__()
        self.coefficients = (config.lmax + 1) ** 2
        self.table = nn.Embedding(config.max_elements, config.channels)

    def forward(self, numbers: Tensor) -> Tensor:
        """``[N]`` atomic numbers to ``[N, (lmax + 1)², channels]``."""
        scalars = self.table(numbers)[:, None, :]
        return nn.functional.pad(scalars, (0, 0, 0, self.coefficients - 1))


class EdgeDegreeEmbedding(nn.Module):
    """What the neighbours look like from an atom: harmonics of their directions with learned radial weights."""

    def __init__(self, config: ModelConfig | EquiformerV2Config):
        super().__init__()
        self.lmax, self.avg_degree = config.lmax, config.avg_degree
        width = config.message_channels or config.channels
        outputs = (config.lmax + 1) * width
        self.radial = RadialMLP(config.num_radial, config.edge_channels, outputs, config.max_elements)
        self.widen = (
            nn.Identity() if config.message_channels is None else SO3Linear(config.lmax, width, config.channels)
        )

    def forward(self, edges: Edges) -> Tensor:
        """Sum over the edges of each atom: ``[N, (lmax + 1)², channels]``."""
        as_sender, as_receiver = self.radial.element_parts(edges.numbers)
        return self.widen(edges.exchange(self._terms, (as_sender,), (as_receiver,)))

    def _terms(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: EdgeFeatures) -> Tensor:
        weights = self.radial(edges.basis, senders[0].read() + receivers[0].read())
        weights = (weights * (edges.envelope / self.avg_degree)[:, None]).unflatten(-1, (self.lmax + 1, -1))
        return segment_sum(torch.bmm(edges.rotations.axial, weights), edges.receiver, edges.num_atoms)


@dataclass(frozen=True)
class ForceEncoding:
    """What a DeNS model is told about a corrupted structure.

    Attributes:
        forces: ``[N, 3]`` eV/Å, forces on the atoms of the structure before it was corrupted.
        mask: ``[N]`` bool, atoms that were moved; the others are not encoded.
    """

    forces: Tensor
    mask: Tensor


class ForceEmbedding(nn.Module):
    """Encode forces as harmonics of their direction times their length over √3 (DeNS, arXiv 2403.09549, eq. 6)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.lmax = config.lmax
        self.linear = SO3Linear(config.lmax, 1, config.channels)

    def forward(self, encoding: ForceEncoding) -> Tensor:
        """``[N, (lmax + 1)², channels]``, exactly zero on atoms outside the mask."""
        encoded = self.linear(force_harmonics(encoding.forces, self.lmax))
        return encoded * encoding.mask[:, None, None]


def force_harmonics(forces: Tensor, lmax: int) -> Tensor:
    """Harmonics of the directions of ``forces [N, 3]`` times their lengths over √3: ``[N, (lmax + 1)², 1]``."""
    from e3nn.o3 import spherical_harmonics

    length = forces.norm(dim=-1, keepdim=True)
    harmonics = spherical_harmonics(list(range(lmax + 1)), forces, True, "component")
    return (harmonics * length / 3**0.5)[:, :, None]
