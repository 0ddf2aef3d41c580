"""The force encoding of DeNS training in EquiformerV3."""

from torch import Tensor, nn

from equical.model.bricks.embedding import ForceEncoding, force_harmonics
from equical.model.bricks.linear import SO3Linear
from equical.model.v3.config import ModelConfig

__all__ = ["ForceEmbedding"]


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
