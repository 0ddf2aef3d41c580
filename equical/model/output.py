"""What a network of any generation returns."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["NetworkOutput"]


@dataclass(frozen=True)
class NetworkOutput:
    """What the heads say, in the network's own units.

    Attributes:
        energy: ``[N]`` for each atom.
        forces: ``[N, 3]`` of a direct model.
        stress: ``[N, 3, 3]`` of a direct model; the mean over a structure is its stress.
        noise: ``[N, 3]`` of a DeNS model that was given a force encoding.
    """

    energy: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None
    noise: Tensor | None = None
