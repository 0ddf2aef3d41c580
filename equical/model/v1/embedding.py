"""First features of an atom: its element, its surroundings and, in DeNS training, the forces on it."""

from math import sqrt

import torch
from torch import Tensor, nn

from equical.model.bricks.embedding import ForceEncoding, force_harmonics
from equical.model.kernels.segment import Rows, segment_sum
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.edges import CoupledEdges
from equical.model.v1.irreps import Features, Irreps, Kind, Part, side_by_side
from equical.model.v1.linear import IrrepsLinear
from equical.model.v1.product import DepthwiseProduct
from equical.model.v1.radial import RadialNetwork

__all__ = ["ForceEmbedding", "IrrepsAtomEmbedding", "IrrepsEdgeDegreeEmbedding"]


class IrrepsAtomEmbedding(nn.Module):
    """A learned vector of scalars for each element; other features are zero."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        self.irreps = Irreps.parse(config.irreps)
        self.table = nn.Embedding(config.max_elements, self.irreps.num_scalars)
        self.bias = nn.Parameter(torch.zeros(self.irreps.num_scalars))

    def forward(self, numbers: Tensor) -> Features:
        """``[N]`` atomic numbers to features."""
        scalars = (self.table(numbers) + self.bias)[:, None, :]
        shapes = [(2 * kind.degree + 1, channels) for channels, kind in self.irreps.parts[1:]]
        return (scalars, *(scalars.new_zeros(len(numbers), *shape) for shape in shapes))


class IrrepsEdgeDegreeEmbedding(nn.Module):
    """What the neighbours look like from an atom: each sends the same scalars along the harmonics of its direction."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        self.irreps = Irreps.parse(config.irreps)
        self.root_degree = sqrt(config.avg_degree)
        scalars = Irreps.scalars_only(self.irreps.num_scalars)
        self.constant = IrrepsLinear(Irreps.scalars_only(1), scalars)
        self.product = DepthwiseProduct(scalars, self.irreps, self.irreps.lmax, odd_harmonics=self.irreps.odd)
        self.radial = RadialNetwork(config, self.product.num_weights)
        self.projection = IrrepsLinear(self.product.outputs, self.irreps)

    def forward(self, edges: CoupledEdges) -> Features:
        """Sum over the edges of each atom."""
        constant = self.constant((torch.ones_like(edges.numbers, dtype=self.constant.weights[0].dtype)[:, None, None],))
        summed = edges.message_pass(self._terms, constant, ())
        return self.irreps.split(summed / self.root_degree)

    def _terms(self, senders: tuple[Rows, ...], receivers: tuple[Rows, ...], edges: CoupledEdges) -> Tensor:
        product = self.product((senders[0].read(),), edges.couplings, self.radial(edges.basis))
        message = side_by_side(self.projection(product)) * edges.envelope[:, None]
        return segment_sum(message, edges.receiver, edges.num_atoms)


class ForceEmbedding(nn.Module):
    """Encode forces as harmonics of their direction times their length over √3 (DeNS, arXiv 2403.09549, eq. 6).

    Its bias reaches every atom in every pass, as published.
    """

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        irreps = Irreps.parse(config.irreps)
        self.lmax = irreps.lmax
        parities = [(-1) ** degree if irreps.odd else 1 for degree in range(self.lmax + 1)]
        self.inputs = Irreps(tuple(Part(1, Kind(degree, parity)) for degree, parity in enumerate(parities)))
        self.linear = IrrepsLinear(self.inputs, irreps)

    def forward(self, encoding: ForceEncoding | None, numbers: Tensor) -> Features:
        """Features of N atoms; without forces, the bias."""
        if encoding is None:
            rows = self.linear.weights[0].new_zeros(len(numbers), (self.lmax + 1) ** 2)
        else:
            rows = force_harmonics(encoding.forces, self.lmax)[:, :, 0] * encoding.mask[:, None]
        return self.linear(self.inputs.split(rows))
