"""One transformer block: attention between atoms, then a feed-forward on each."""

from torch import nn

from equical.model.v1.attention import attention
from equical.model.v1.config import EquiformerV1Config
from equical.model.v1.edges import CoupledEdges
from equical.model.v1.irreps import Features, Irreps
from equical.model.v1.linear import Gate, IrrepsLinear
from equical.model.v1.norm import IrrepsLayerNorm

__all__ = ["FeedForward", "TransformerBlock"]


class FeedForward(nn.Module):
    """Linear, gates, linear."""

    def __init__(self, config: EquiformerV1Config, outputs: Irreps):
        super().__init__()
        hidden = Irreps.parse(config.ffn_irreps)
        self.gate = Gate(hidden)
        self.linear_1 = IrrepsLinear(Irreps.parse(config.irreps), self.gate.inputs)
        self.linear_2 = IrrepsLinear(hidden, outputs)

    def forward(self, x: Features) -> Features:
        """Features of atoms to ``outputs``."""
        return self.linear_2(self.gate(self.linear_1(x)))


class TransformerBlock(nn.Module):
    """Norm, attention, residual; norm, feed-forward, residual.

    Args:
        config: of the network.
        outputs: features that come out; where they are others than those of atoms, the residual passes a linear map.
    """

    def __init__(self, config: EquiformerV1Config, outputs: Irreps):
        super().__init__()
        irreps = Irreps.parse(config.irreps)
        self.norm_1 = IrrepsLayerNorm(irreps)
        self.attention = attention(config, irreps, irreps)
        self.norm_2 = IrrepsLayerNorm(irreps)
        self.feedforward = FeedForward(config, outputs)
        self.shortcut = IrrepsLinear(irreps, outputs) if outputs != irreps else None

    def forward(self, x: Features, edges: CoupledEdges) -> Features:
        """Features of N atoms, to ``outputs``."""
        x = added(x, self.attention(self.norm_1(x), edges))
        kept = x if self.shortcut is None else self.shortcut(x)
        return added(kept, self.feedforward(self.norm_2(x)))


def added(x: Features, y: Features) -> Features:
    """Sum of features of the same kinds."""
    return tuple(left + right for left, right in zip(x, y, strict=True))
