"""The EquiformerV2 network, from edge vectors to energies, forces and stresses; dimensionless inside."""

from torch import Tensor, nn

from equical.model.bricks.embedding import AtomEmbedding, EdgeDegreeEmbedding, ForceEncoding
from equical.model.bricks.radial import RadialMLP
from equical.model.output import NetworkOutput
from equical.model.v2.attention import GraphAttention
from equical.model.v2.config import EquiformerV2Config
from equical.model.v2.edges import VectorEdges, VectorGeometry
from equical.model.v2.embedding import ForceEmbedding
from equical.model.v2.feedforward import EnergyHead, FeedForward
from equical.model.v2.heads import StressHead, VectorHead
from equical.model.v2.norm import SeparableLayerNorm

__all__ = ["EquiformerV2"]


class TransformerBlock(nn.Module):
    """Norm, attention, residual; norm, feed-forward, residual."""

    def __init__(self, config: EquiformerV2Config):
        super().__init__()
        self.norm_1 = SeparableLayerNorm(config.lmax, config.channels)
        self.attention = GraphAttention(config, config.channels)
        self.norm_2 = SeparableLayerNorm(config.lmax, config.channels)
        self.feedforward = FeedForward(config, config.channels)

    def forward(self, x: Tensor, edges: VectorEdges) -> Tensor:
        """``[N, (lmax + 1)², channels]``, same shape out."""
        x = x + self.attention(self.norm_1(x), edges)
        return x + self.feedforward(self.norm_2(x))


class EquiformerV2(nn.Module):
    """EquiformerV2: embed, attend, feed forward, read off (arXiv 2306.12059, fig. 1)."""

    def __init__(self, config: EquiformerV2Config):
        super().__init__()
        self.config = config
        self.geometry = VectorGeometry(config.cutoff, config.num_radial, config.lmax, config.mmax)
        self.atom_embedding = AtomEmbedding(config.lmax, config.channels, config.max_elements)
        weights = (config.lmax + 1) * config.channels
        radial = RadialMLP(config.num_radial, config.edge_channels, weights, config.max_elements)
        self.edge_degree_embedding = EdgeDegreeEmbedding(radial, config.lmax, config.avg_degree)
        self.force_embedding = ForceEmbedding(config) if config.denoising else None
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.norm = SeparableLayerNorm(config.lmax, config.channels)
        self.energy_head = EnergyHead(config)
        self.force_head = VectorHead(config)
        self.stress_head = StressHead(config) if config.stress != "none" else None
        self.noise_head = VectorHead(config) if config.denoising else None

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
            vectors: ``[E, 3]`` Å, from receiver to sender, of the nearest neighbours only.
            sender, receiver: ``[E]`` atoms of each edge.
            encoding: forces of a corrupted structure, for DeNS models only.
        """
        edges = self.geometry(numbers, vectors, sender, receiver)
        x = self.atom_embedding(numbers) + self.edge_degree_embedding(edges)
        if self.force_embedding is not None:
            x = x + self.force_embedding(encoding)
        for block in self.blocks:
            x = block(x, edges)
        x = self.norm(x)
        return NetworkOutput(
            energy=self.energy_head(x) / self.config.avg_num_nodes,
            forces=self.force_head(x, edges),
            stress=None if self.stress_head is None else self.stress_head(x, edges),
            noise=None if self.noise_head is None or encoding is None else self.noise_head(x, edges),
        )
