"""What is read off the final features: energies and, in direct models, forces and stresses."""

import torch
from torch import Tensor, nn

from equical.model.bricks.edges import Edges
from equical.model.bricks.linear import SO3Linear
from equical.model.kernels.joints import cut, join
from equical.model.v3.attention import GraphAttention
from equical.model.v3.config import ModelConfig
from equical.so3.coefficients import degree_of
from equical.so3.tensors import symmetric_tensor_basis

__all__ = ["EnergyHead", "StressHead", "VectorHead"]


class EnergyHead(nn.Module):
    """Energy of each atom from its invariants."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.linear_1 = nn.Linear(config.channels, config.ffn_hidden)
        self.linear_2 = nn.Linear(config.ffn_hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N]``."""
        return self.linear_2(nn.functional.silu(self.linear_1(x[:, 0]))).squeeze(-1)


class VectorHead(nn.Module):
    """A vector on each atom from one more attention with gates: forces of a direct model, noise of a DeNS model."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.attention = GraphAttention(config, 1, "gate")

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, 3]`` along x, y, z."""
        return self.attention(x, edges)[:, 1:4, 0]


class StressHead(nn.Module):
    """A symmetric tensor on each atom, whose mean over a structure is its stress."""

    degrees: Tensor
    basis: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.lmax, self.hidden = config.lmax, config.ffn_hidden
        self.gate_linear = nn.Linear(config.channels, config.lmax * config.ffn_hidden)
        self.so3_linear_1 = SO3Linear(config.lmax, config.channels, config.ffn_hidden)
        self.so3_linear_2 = SO3Linear(config.lmax, config.ffn_hidden, 1)
        higher = [degree - 1 for degree in degree_of(config.lmax)[1:]]
        self.register_buffer("degrees", torch.tensor(higher), persistent=False)
        self.register_buffer("basis", symmetric_tensor_basis().clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, (lmax + 1)², channels]`` to ``[N, 3, 3]``."""
        gates = torch.sigmoid(self.gate_linear(x[:, 0])).unflatten(-1, (self.lmax, self.hidden))
        invariants, rest = cut(self.so3_linear_1(x), [1, len(self.degrees)], dim=1)
        y = join([nn.functional.silu(invariants), rest * gates.index_select(1, self.degrees)], dim=1)
        return torch.einsum("nk,kab->nab", self.so3_linear_2(y)[:, :9, 0], self.basis)
