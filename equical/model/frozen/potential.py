"""A force field that only predicts."""

import copy
from collections.abc import Callable
from typing import Any, NoReturn

from torch import nn

from equical.model.bricks.edges import EdgeGeometry
from equical.model.bricks.linear import SO2Linear
from equical.model.bricks.mirror_linear import O2Linear
from equical.model.frozen.edges import ChunkedGeometry
from equical.model.frozen.linear import FrozenO2Linear, FrozenSO2Linear, Matrix
from equical.model.frozen.streamed import StreamedActivationV2, StreamedAttentionV2, stream
from equical.model.frozen.twins import Twins, replace_bricks, take_over
from equical.model.potential import Potential
from equical.model.v1.edges import CoupledGeometry
from equical.model.v2.activation import SeparableSphereActivation
from equical.model.v2.attention import GraphAttention as GraphAttentionV2
from equical.model.v3.attention import GraphAttention

__all__ = ["Convolutions", "FrozenPotential", "freeze", "freeze_in_pieces", "freeze_whole"]

Convolutions = type[Matrix]
"""What multiplies the matrices of convolutions."""


class FrozenPotential(Potential):
    """Twin of a :class:`.Potential`, for derivatives in the positions alone.

    It reads the weights where the plain one has them, and what is made of them once is made when it is frozen. So it is
    good until a weight is written to or moved: freeze again then.

    Args:
        plain: the force field, which is left as it is.
        twins: other classes for its bricks.
    """

    def __init__(self, plain: Potential, twins: Twins):
        shared: dict[int, Any] = {id(buffer): buffer for buffer in plain.buffers()}
        shared |= {id(weight): nn.Parameter(weight.detach(), requires_grad=False) for weight in plain.parameters()}
        take_over(self, copy.deepcopy(plain, shared))
        replace_bricks(self, twins)

    def _apply(self, fn: Callable, recurse: bool = True) -> NoReturn:
        raise TypeError("a frozen force field stays as it is: convert or move the plain one, and freeze that again")


def freeze_whole(potential: Potential, convolutions: Convolutions = Matrix) -> FrozenPotential:
    """Prepare the matrices, and leave every operation whole.

    All shapes depend on the numbers of atoms and edges alone, and nothing waits for the device: for GPUs, for steps
    that are captured or compiled, and for whom memory is no matter.
    """
    return FrozenPotential(potential, _prepared(convolutions))


def freeze_in_pieces(potential: Potential, convolutions: Convolutions = Matrix) -> FrozenPotential:
    """Let what is wide pass in pieces that fit the caches, and the edges of large structures in chunks.

    The memory of a structure is bounded by its chunks. For CPUs; slower on a GPU.
    """
    in_pieces: Twins = {
        EdgeGeometry: ChunkedGeometry,
        CoupledGeometry: ChunkedGeometry,
        GraphAttention: stream,
        GraphAttentionV2: StreamedAttentionV2,
        SeparableSphereActivation: StreamedActivationV2,
    }
    return FrozenPotential(potential, {**_prepared(convolutions), **in_pieces})


def freeze(potential: Potential, convolutions: Convolutions = Matrix) -> FrozenPotential:
    """What is right for the device the force field is on: in pieces on a CPU, and whole on a GPU.

    Args:
        potential: the force field, which is left as it is.
        convolutions: :class:`.Matrix`, or :class:`.BFloat16Matrix` for faster and less exact ones.
    """
    on_cpu = potential.reference_energies.device.type == "cpu"
    return (freeze_in_pieces if on_cpu else freeze_whole)(potential, convolutions)


def _prepared(matrix: Convolutions) -> Twins:
    return {
        SO2Linear: lambda plain: FrozenSO2Linear(plain, matrix),
        O2Linear: lambda plain: FrozenO2Linear(plain, matrix),
    }
