"""EquiformerV3 (arXiv 2604.09130): what is its own; the rest are bricks.

::

    x ─▶ MergedLayerNorm ─▶ GraphAttention ─▶ + ─▶ MergedLayerNorm ─▶ FeedForward ─▶ +      one block, of num_layers
                            merge ▶ SO(2) ▶ activation ▶ SO(2) ▶ softmax · envelope ▶ sum
    ─▶ MergedLayerNorm ─▶ EnergyHead; in direct models VectorHead (forces) and StressHead; of DeNS VectorHead (noise)

* ``config``: every hyper-parameter, with the choices that are not published (``merge``, ``mirror``, ``repulsion``, …).
* ``network``, ``block``: how the parts are put together.
* ``attention``, ``feedforward``, ``norm``, ``heads``, ``embedding``: the parts.

The envelope enters the softmax and the messages, so the energy is smooth at the cutoff; forces and stress are its
derivatives unless ``forces`` is ``direct``.
"""
