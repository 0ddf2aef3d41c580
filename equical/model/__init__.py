"""Networks of the Equiformer family, and the force field made of one: energies, forces and stresses in physical units.

::

    numbers ──▶ atom embedding ─┐
    vectors ──▶ edge geometry ──┼─▶ edge-degree embedding ─▶ x ─▶ [ norm ▶ attention ▶ + ▶ norm ▶ feed-forward ▶ + ] × N
                                │                                                                          │
                                └────────────── frames, envelope, radial basis ─────────────────────▶  norm ▶ heads

    AtomGraph ─▶ Potential (units, reference energies, derivatives) ─▶ Prediction
                     └── freeze ─▶ FrozenPotential: the same, executed otherwise

* ``potential``: :class:`Potential`, the only class that knows units and takes derivatives.
* ``scales``, ``output``: from the network's own units to physical ones; what a network returns.
* ``generations``: which configuration makes which network. A published generation is a folder of its own:
  ``v3`` (ours, too: smooth and conservative), ``v2`` and ``v1``. They read like the figures of their papers.
* ``bricks``: what the generations share, plain mathematics without a word on execution.
* ``kernels``: every operation with derivatives of its own, each beside its plain twin.
* ``frozen``: other classes for the same bricks, for force fields that only predict.

Imports point down: ``frozen → potential → v1, v2, v3 → bricks → kernels → so3``. To add a brick, write it in
``bricks``, or in the folder of the generation that alone has it, name it in that generation's ``config``, and put it in
its ``block`` or ``network``; a brick that should be executed otherwise gets a twin in ``frozen``.
"""

from equical.model.bricks.embedding import ForceEncoding
from equical.model.generations import AnyConfig, parse_config
from equical.model.potential import Potential
from equical.model.scales import Scales
from equical.model.v1.config import EquiformerV1Config
from equical.model.v2.config import EquiformerV2Config
from equical.model.v3.config import ModelConfig

__all__ = [
    "AnyConfig",
    "EquiformerV1Config",
    "EquiformerV2Config",
    "ForceEncoding",
    "ModelConfig",
    "Potential",
    "Scales",
    "parse_config",
]
