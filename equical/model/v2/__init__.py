"""EquiformerV2 (arXiv 2306.12059): what differs from V3, in bricks of the same shapes.

::

    x ─▶ SeparableLayerNorm ─▶ GraphAttention ─▶ + ─▶ SeparableLayerNorm ─▶ FeedForward ─▶ +       one block
                               rotate ▶ weigh ▶ SO(2) ▶ SiLU on a grid ▶ SO(2) ▶ softmax ▶ sum
    ─▶ SeparableLayerNorm ─▶ EnergyHead, VectorHead (forces, noise of DeNS), StressHead

* ``config``, ``network``: hyper-parameters, and how the parts are put together.
* ``edges``: no envelope, frames that follow the azimuth, and the directions for the stress head.
* ``attention``, ``activation``, ``feedforward``, ``norm``, ``heads``, ``embedding``: the parts.

Separable S² activation and layer norm, one radial weight for each degree and order, no envelope, nearest neighbours
only, direct heads for energy, forces and stress: as published, so that published weights give published numbers.
"""
