"""The network, from edge vectors to energies; dimensionless inside."""

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeGeometry
from equical.model.bricks.embedding import AtomEmbedding, EdgeDegreeEmbedding, ForceEncoding
from equical.model.bricks.linear import SO3Linear
from equical.model.bricks.radial import RadialMLP
from equical.model.output import NetworkOutput
from equical.model.v3.block import TransformerBlock
from equical.model.v3.config import ModelConfig
from equical.model.v3.embedding import ForceEmbedding
from equical.model.v3.heads import EnergyHead, StressHead, VectorHead
from equical.model.v3.norm import MergedLayerNorm

__all__ = ["Equiformer"]


class Equiformer(nn.Module):
    """EquiformerV3: embed, attend, feed forward, read off (arXiv 2604.09130, fig. 2)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.geometry = EdgeGeometry(
            config.cutoff, config.num_radial, config.lmax, config.mmax, envelope=config.envelope
        )
        self.atom_embedding = AtomEmbedding(config.lmax, config.channels, config.max_elements)
        self.edge_degree_embedding = _edge_degree_embedding(config)
        self.force_embedding = ForceEmbedding(config) if config.denoising else None
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.num_layers))
        self.norm = MergedLayerNorm(config.lmax, config.channels)
        self.energy_head = EnergyHead(config)
        self.force_head = None if config.conservative else VectorHead(config)
        self.stress_head = None if config.conservative or not config.direct_stress else StressHead(config)
        self.noise_head = VectorHead(config) if config.denoising else None
        _scale_merged_branches(self)

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
        x = self.atom_embedding(numbers) + self.edge_degree_embedding(edges)
        if encoding is not None:
            assert self.force_embedding is not None
            x = x + self.force_embedding(encoding)
        for block in self.blocks:
            x = block(x, edges)
        x = self.norm(x)
        return NetworkOutput(
            energy=self.energy_head(x) / self.config.avg_num_nodes,
            forces=None if self.force_head is None else self.force_head(x, edges),
            stress=None if self.stress_head is None else self.stress_head(x),
            noise=None if self.noise_head is None or encoding is None else self.noise_head(x, edges),
        )


def _edge_degree_embedding(config: ModelConfig) -> EdgeDegreeEmbedding:
    width = config.message_channels or config.channels
    radial = RadialMLP(config.num_radial, config.edge_channels, (config.lmax + 1) * width, config.max_elements)
    widen = None if config.message_channels is None else SO3Linear(config.lmax, width, config.channels)
    return EdgeDegreeEmbedding(radial, config.lmax, config.avg_degree, widen)


@torch.no_grad()
def _scale_merged_branches(network: Equiformer) -> None:
    """Start as published: where a sphere product meets an invariant branch on degree zero, each has half of it."""
    for linear in network.modules():
        if isinstance(linear, nn.Linear) and linear.bias is not None:
            linear.bias.zero_()
            bound = linear.in_features**-0.5
            linear.weight.uniform_(-bound, bound)
    for block in network.blocks:
        assert isinstance(block, TransformerBlock)
        block.feedforward.so3_linear_2.weight[0] *= 0.5**0.5
        if network.config.edge_activation == "swiglu_s2":
            rows = network.config.attention_hidden
            block.attention.so2_linear_2.linear_m0.weight[:rows] *= 0.5**0.5
