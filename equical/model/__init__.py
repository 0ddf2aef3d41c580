"""The Equiformer network and its bricks, one file each.

::

    numbers ──▶ atom embedding ─┐
    vectors ──▶ edge features ──┼─▶ edge-degree embedding ─▶ x ─▶ [ norm ▶ attention ▶ + ▶ norm ▶ feed-forward ▶ + ] × N
                                │                                                                          │
                                └────────────── frames, envelope, radial basis ─────────────────────▶  norm ▶ heads
"""

from equical.model.bricks.embedding import ForceEncoding
from equical.model.generations import AnyConfig, parse_config
from equical.model.potential import Potential
from equical.model.scales import Scales
from equical.model.v2.config import EquiformerV2Config
from equical.model.v3.config import ModelConfig

__all__ = ["AnyConfig", "EquiformerV2Config", "ForceEncoding", "ModelConfig", "Potential", "Scales", "parse_config"]
