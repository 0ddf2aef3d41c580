"""The Equiformer network and its bricks, one file each.

::

    numbers ──▶ atom embedding ─┐
    vectors ──▶ edge features ──┼─▶ edge-degree embedding ─▶ x ─▶ [ norm ▶ attention ▶ + ▶ norm ▶ feed-forward ▶ + ] × N
                                │                                                                          │
                                └────────────── frames, envelope, radial basis ─────────────────────▶  norm ▶ heads
"""

from equical.model.config import ModelConfig
from equical.model.embedding import ForceEncoding
from equical.model.potential import Potential

__all__ = ["ForceEncoding", "ModelConfig", "Potential"]
