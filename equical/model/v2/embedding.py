"""The force encoding of EquiformerV2-DeNS."""

from torch import Tensor, nn

from equical.model.bricks.embedding import ForceEncoding, force_harmonics
from equical.model.bricks.linear import SO3Linear
from equical.model.v2.config import EquiformerV2Config

__all__ = ["ForceEmbedding"]


class ForceEmbedding(nn.Module):
    """Encode forces as harmonics (DeNS, arXiv 2403.09549, eq. 6).

    As published, and unlike in V3, the bias is outside the mask: it reaches every atom in every pass, also where
    nothing is denoised.
    """

    def __init__(self, config: EquiformerV2Config):
        super().__init__()
        self.lmax = config.lmax
        self.linear = SO3Linear(config.lmax, 1, config.channels)

    def forward(self, encoding: ForceEncoding | None) -> Tensor:
        """``[N, (lmax + 1)², channels]``, or ``[1, …]``, the same for every atom, where there is nothing to encode."""
        if encoding is None:
            return nn.functional.pad(self.linear.bias[None, None, :], (0, 0, 0, (self.lmax + 1) ** 2 - 1))
        harmonics = force_harmonics(encoding.forces, self.lmax)
        return self.linear(harmonics * encoding.mask[:, None, None])
