"""Equiformer (arXiv 2206.11990), the first of the family: features by degree and parity, as of e3nn; energies alone.

::

    x ─▶ IrrepsLayerNorm ─▶ GraphAttention ─▶ + ─▶ IrrepsLayerNorm ─▶ FeedForward ─▶ +        one block, of num_layers
                            merge ▶ tensor product ▶ gate ▶ tensor product ▶ softmax ▶ sum
    ─▶ IrrepsLayerNorm ─▶ EnergyHead; of DeNS NoiseHead

* ``config``, ``presets``: every hyper-parameter; the published sets of them.
* ``irreps``: the notation ``128x0e+64x1e+32x2e``, and how such features lie in memory.
* ``edges``, ``product``: harmonics of a direction are linear maps of features, made once for all layers and channels.
* ``messages``, ``attention``, ``block``, ``network``: how the parts are put together.
* ``embedding``, ``radial``, ``linear``, ``norm``: the parts.

Published networks have no smooth cutoff: their energy jumps a little where a neighbour comes. With ``envelope`` it does
not.
"""
