"""The network, from edge vectors to energies; dimensionless inside."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import EdgeFeatures, Edges, edge_features
from equical.model.bricks.embedding import AtomEmbedding, EdgeDegreeEmbedding, ForceEmbedding, ForceEncoding
from equical.model.bricks.radial import GaussianBasis
from equical.model.kernels.chunks import FeatureFunction, chunk_edges
from equical.model.v3.block import TransformerBlock
from equical.model.v3.config import ModelConfig
from equical.model.v3.heads import EnergyHead, StressHead, VectorHead
from equical.model.v3.norm import MergedLayerNorm

__all__ = ["Equiformer", "NetworkOutput"]


@dataclass(frozen=True)
class NetworkOutput:
    """What the heads say, in the network's own units.

    Attributes:
        energy: ``[N]`` for each atom.
        forces: ``[N, 3]`` of a direct model.
        stress: ``[N, 3, 3]`` of a direct model; the mean over a structure is its stress.
        noise: ``[N, 3]`` of a DeNS model that was given a force encoding.
    """

    energy: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None
    noise: Tensor | None = None


class Equiformer(nn.Module):
    """EquiformerV3: embed, attend, feed forward, read off (arXiv 2604.09130, fig. 2)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.basis = GaussianBasis(config.cutoff, config.num_radial)
        self.atom_embedding = AtomEmbedding(config)
        self.edge_degree_embedding = EdgeDegreeEmbedding(config)
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
        chunked: bool = False,
        streamed: bool = False,
    ) -> NetworkOutput:
        """Evaluate all heads.

        Args:
            numbers: ``[N]`` atomic numbers.
            vectors: ``[E, 3]`` Å, from receiver to sender.
            sender, receiver: ``[E]`` atoms of each edge.
            encoding: forces of a corrupted structure, for DeNS models only.
            chunked: evaluate edges a few at a time, which bounds the memory; gradients in the vectors only, once.
            streamed: keep less and in smaller pieces, which is faster on a CPU; gradients in the vectors only, once.
        """
        config = self.config
        features = chunk_edges if chunked else _at_once
        edge_features = partial(self._edge_features, streamed=streamed)
        edges: Edges = features(numbers, vectors, sender, receiver, edge_features)
        x = self.atom_embedding(numbers) + self.edge_degree_embedding(edges)
        if encoding is not None:
            assert self.force_embedding is not None
            x = x + self.force_embedding(encoding)
        for block in self.blocks:
            x = block(x, edges)
        x = self.norm(x)
        return NetworkOutput(
            energy=self.energy_head(x) / config.avg_num_nodes,
            forces=None if self.force_head is None else self.force_head(x, edges),
            stress=None if self.stress_head is None else self.stress_head(x),
            noise=None if self.noise_head is None or encoding is None else self.noise_head(x, edges),
        )

    def _edge_features(
        self, numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor, *, streamed: bool
    ) -> EdgeFeatures:
        config = self.config
        return edge_features(
            numbers,
            vectors,
            sender,
            receiver,
            basis=self.basis,
            cutoff=config.cutoff,
            lmax=config.lmax,
            mmax=config.mmax,
            envelope=config.envelope,
            streamed=streamed,
        )


def _at_once(
    numbers: Tensor, vectors: Tensor, sender: Tensor, receiver: Tensor, features: FeatureFunction
) -> EdgeFeatures:
    return features(numbers, vectors, sender, receiver)


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
