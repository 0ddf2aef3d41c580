"""One transformer block: attention between atoms, then a feed-forward on each."""

from torch import Tensor, nn

from equical.model.bricks.edges import Edges
from equical.model.v3.attention import GraphAttention
from equical.model.v3.config import ModelConfig
from equical.model.v3.feedforward import FeedForward
from equical.model.v3.norm import MergedLayerNorm

__all__ = ["TransformerBlock"]


class TransformerBlock(nn.Module):
    """Norm, attention, residual; norm, feed-forward, residual."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.norm_1 = MergedLayerNorm(config.lmax, config.channels)
        self.attention = GraphAttention(config, config.channels, config.edge_activation)
        self.norm_2 = MergedLayerNorm(config.lmax, config.channels)
        self.feedforward = FeedForward(config.lmax, config.channels, config.ffn_hidden, config.node_grid)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """``[N, (lmax + 1)², channels]``, same shape out."""
        x = x + self.attention(self.norm_1(x), edges)
        return edges.update(self._feed_forward, x)

    def _feed_forward(self, x: Tensor) -> Tensor:
        return x + self.feedforward(self.norm_2(x))
