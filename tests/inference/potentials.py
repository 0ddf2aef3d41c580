"""Small force fields of every kind."""

import torch

from equical.model import EquiformerV2Config, ModelConfig, Potential, Scales
from tests.conftest import TINY, random_potential

SMALL = TINY.model_dump() | {"num_layers": 1, "channels": 4, "ffn_hidden": 4, "lmax": 1, "mmax": 1}
CONFIGS = {
    "conservative": ModelConfig(**SMALL),
    "conservative, narrow messages": ModelConfig(
        **SMALL | {"merge": "add", "message_channels": 4, "repulsion": "zbl", "mirror": True}
    ),
    "direct": ModelConfig(**SMALL | {"forces": "direct", "lmax": 2, "edge_activation": "gate"}),
    "direct, nearest neighbours": ModelConfig(
        **SMALL | {"forces": "direct", "direct_stress": False, "max_neighbors": 7, "strict_neighbors": False}
    ),
    "EquiformerV2": EquiformerV2Config(
        cutoff=4.0, max_neighbors=7, num_layers=1, channels=4, lmax=2, mmax=2, attention_hidden=4, num_heads=2,
        alpha_channels=4, value_channels=4, ffn_hidden=4, edge_channels=4, num_radial=6, edge_grid=(6, 6),
        node_grid=(6, 6), stress="both",
    ),
}  # fmt: skip


def force_field(kind: str = "conservative", dtype: torch.dtype = torch.float64, seed: int = 1) -> Potential:
    """A force field of a kind, with means and scales that differ for every output."""
    scales = Scales(20.0, 0.7, 3.0, 0.1, 0.5, 0.01, 0.4, 0.02)
    return random_potential(CONFIGS[kind], seed, scale=scales, dtype=dtype)
