"""The same networks, executed otherwise: other classes for the same bricks, chosen once when a force field is frozen.

::

    Potential ──freeze──▶ FrozenPotential          plain brick              twin
      learns, predicts      predicts only          SO2Linear, O2Linear      FrozenSO2Linear, FrozenO2Linear
      plain mathematics     the same numbers       EdgeGeometry             ChunkedGeometry
                                                   CoupledGeometry (V1)     ChunkedGeometry
                                                   GraphAttention (V3)      StreamedAttention
                                                   GraphAttention (V2)      StreamedAttentionV2
                                                   activation (V2)          StreamedActivationV2

* ``potential``: :class:`FrozenPotential`, and what chooses the twins: :func:`freeze` for the device at hand,
  :func:`freeze_in_pieces` for a CPU, :func:`freeze_whole` for what is captured or compiled.
* ``linear``: matrices made from the weights once; :class:`BFloat16Matrix` multiplies in a narrower type.
* ``streamed``: the widest tensors a few edges at a time.
* ``edges``: all of a message, a few thousand edges at a time, where there are more.
* ``twins``: how one brick takes the place of another.

A twin gives the numbers of its plain brick, to rounding, and its first derivative in the positions where the model is
conservative; tests compare each in float64. Bricks know nothing of their twins. This is a part of the model, and not of
``inference``, since training evaluates with frozen force fields too.
"""

from equical.model.frozen.edges import CHUNK_EDGES
from equical.model.frozen.linear import BFloat16Matrix, Matrix
from equical.model.frozen.potential import (
    Convolutions,
    FrozenPotential,
    freeze,
    freeze_in_pieces,
    freeze_whole,
)

__all__ = [
    "CHUNK_EDGES",
    "BFloat16Matrix",
    "Convolutions",
    "FrozenPotential",
    "Matrix",
    "freeze",
    "freeze_in_pieces",
    "freeze_whole",
]
