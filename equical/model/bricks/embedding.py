"""First features of an atom: its element, its surroundings and, in DeNS training, the forces on it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeFeatures, Edges
from equical.model.bricks.linear import SO3Linear
from equical.model.bricks.radial import RadialMLP
from equical.model.kernels.segment import Rows, segment_sum
from equical.so3.harmonics import spherical_harmonics

__all__ = ["AtomEmbedding", "EdgeDegreeEmbedding", "ForceEncoding", "force_harmonics"]


class AtomEmbedding(nn.Module):
    """A learned vector for each element, on degree zero."""

    def __init__(self, lmax: int, channels: int, max_elements: int):
        super().__init__()
        self.coefficients = (lmax + 1) ** 2
        self.table = nn.Embedding(max_elements, channels)

    def forward(self, numbers: Tensor) -> Tensor:
        """``[N]`` atomic numbers to ``[N, (lmax + 1)², channels]``."""
        scalars = self.table(numbers)[:, None, :]
        return nn.functional.pad(scalars, (0, 0, 0, self.coefficients - 1))


class EdgeDegreeEmbedding(nn.Module):
    """What the neighbours look like from an atom: harmonics of their directions with learned radial weights.

    Args:
        radial: weighs ``(lmax + 1)·width`` harmonics of an edge.
        lmax: highest degree.
        avg_degree: typical number of neighbours, which the sum is divided by.
        widen: from the ``width`` channels of an edge to those of an atom; by default they are as many.
    """

    def __init__(self, radial: RadialMLP, lmax: int, avg_degree: float, widen: SO3Linear | None = None):
        super().__init__()
        self.lmax, self.avg_degree = lmax, avg_degree
        self.radial, self.widen = radial, widen or nn.Identity()

    def forward(self, edges: Edges) -> Tensor:
        """Sum over the edges of each atom: ``[N, (lmax + 1)², channels]``."""
        as_sender, as_receiver = self.radial.element_parts(edges.numbers)
        return self.widen(edges.message_pass(self._terms, (as_sender,), (as_receiver,)))

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


def force_harmonics(forces: Tensor, lmax: int) -> Tensor:
    """Harmonics of the directions of ``forces [N, 3]`` times their lengths over √3: ``[N, (lmax + 1)², 1]``."""
    length = forces.norm(dim=-1, keepdim=True)
    directions = forces / length.clamp(min=torch.finfo(forces.dtype).tiny)
    return (spherical_harmonics(directions, lmax) * length / 3**0.5)[:, :, None]
