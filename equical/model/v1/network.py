"""The Equiformer network, from edge vectors to energies; dimensionless inside."""

from math import sqrt

from torch import Tensor, nn

from equical.model.bricks.embedding import ForceEncoding
from equical.model.output import NetworkOutput
from equical.model.v1.attention import attention
from equical.model.v1.block import TransformerBlock, added
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.edges import CoupledEdges, CoupledGeometry
from equical.model.v1.embedding import ForceEmbedding, IrrepsAtomEmbedding, IrrepsEdgeDegreeEmbedding
from equical.model.v1.irreps import Features, Irreps, Kind, Part
from equical.model.v1.linear import IrrepsLinear, normalized_silu
from equical.model.v1.norm import IrrepsLayerNorm

__all__ = ["EquiformerV1"]


class EnergyHead(nn.Module):
    """Energy of each atom from its scalars."""

    def __init__(self, scalars: int):
        super().__init__()
        irreps = Irreps.scalars_only(scalars)
        self.linear_1 = IrrepsLinear(irreps, irreps)
        self.linear_2 = IrrepsLinear(irreps, Irreps.scalars_only(1))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 1, scalars]`` to ``[N]``."""
        (hidden,) = self.linear_1((x,))
        (energy,) = self.linear_2((normalized_silu(hidden),))
        return energy[:, 0, 0]


class NoiseHead(nn.Module):
    """A vector on each atom from one more attention: the noise of a DeNS model."""

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        vector = Kind(1, -1 if Irreps.parse(config.irreps).odd else 1)
        self.attention = attention(config, Irreps.parse(config.feature_irreps), Irreps((Part(1, vector),)))

    def forward(self, x: Features, edges: CoupledEdges) -> Tensor:
        """Final features to ``[N, 3]`` along x, y, z."""
        return self.attention(x, edges)[0][:, :, 0]


class EquiformerV1(nn.Module):
    """Equiformer: embed, attend, feed forward, read off (arXiv 2206.11990, fig. 1a)."""

    force_head = None
    stress_head = None

    def __init__(self, config: EquiformerV1Config):
        super().__init__()
        self.config = config
        irreps, features = Irreps.parse(config.irreps), Irreps.parse(config.feature_irreps)
        self.geometry = CoupledGeometry(config)
        self.atom_embedding = IrrepsAtomEmbedding(config)
        self.edge_degree_embedding = IrrepsEdgeDegreeEmbedding(config)
        self.force_embedding = ForceEmbedding(config) if config.denoising else None
        outputs = [irreps] * (config.num_layers - 1) + [features]
        self.blocks = nn.ModuleList(TransformerBlock(config, output) for output in outputs)
        self.norm = IrrepsLayerNorm(features)
        self.energy_head = EnergyHead(features.num_scalars)
        self.noise_head = NoiseHead(config) if config.denoising else None
        self.root_nodes = sqrt(config.avg_num_nodes)

    def forward(
        self,
        numbers: Tensor,
        vectors: Tensor,
        sender: Tensor,
        receiver: Tensor,
        encoding: ForceEncoding | None = None,
    ) -> NetworkOutput:
        """Evaluate all heads.

        Args:
            numbers: ``[N]`` atomic numbers.
            vectors: ``[E, 3]`` Å, from receiver to sender.
            sender, receiver: ``[E]`` atoms of each edge.
            encoding: forces of a corrupted structure, for DeNS models only.
        """
        edges = self.geometry(numbers, vectors, sender, receiver)
        x = added(self.atom_embedding(numbers), self.edge_degree_embedding(edges))
        if self.force_embedding is not None:
            x = added(x, self.force_embedding(encoding, numbers))
        for block in self.blocks:
            x = block(x, edges)
        x = self.norm(x)
        return NetworkOutput(
            energy=self.energy_head(x[0]) / self.root_nodes,
            noise=None if self.noise_head is None or encoding is None else self.noise_head(x, edges),
        )
