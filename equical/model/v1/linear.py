"""Linear maps of features, and the gates between them."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from equical.model.kernels.joints import cut
from equical.model.v1.irreps import SCALAR, Features, Irreps, Kind, Part

__all__ = ["Gate", "IrrepsLinear", "normalized_sigmoid", "normalized_silu"]

SILU_NORM = 1.6791767923989418
"""1/√⟨silu(z)²⟩ for a normal z, as e3nn samples it (a million numbers); trained weights depend on its digits."""

SIGMOID_NORM = 1.8467055342154763
"""The same for the sigmoid."""


def normalized_silu(x: Tensor) -> Tensor:
    """SiLU with a mean square of one."""
    return SILU_NORM * nn.functional.silu(x)


def normalized_sigmoid(x: Tensor) -> Tensor:
    """Sigmoid with a mean square of one."""
    return SIGMOID_NORM * torch.sigmoid(x)


class IrrepsLinear(nn.Module):
    """Mix the features of each kind among themselves; scalars get a bias.

    Args:
        inputs, outputs: kinds that only the inputs have are dropped, those that only the outputs have are zero.
        bias: whether scalars get one.
    """

    def __init__(self, inputs: Irreps, outputs: Irreps, bias: bool = True):
        super().__init__()
        self.outputs = outputs
        sizes = {part.kind: part.multiplicity for part in outputs.parts}
        self.kept = [n for n, part in enumerate(inputs.parts) if part.kind in sizes]
        self.source = {inputs.kinds[n]: place for place, n in enumerate(self.kept)}
        matrices = [(inputs.parts[n].multiplicity, sizes[inputs.kinds[n]]) for n in self.kept]
        self.weights = nn.ParameterList(nn.Parameter(torch.empty(shape)) for shape in matrices)
        for weight in self.weights:
            nn.init.normal_(weight, std=weight.shape[0] ** -0.5)
        self.bias = nn.Parameter(torch.zeros(outputs.num_scalars)) if bias and outputs.num_scalars else None

    def forward(self, x: Features) -> Features:
        """Features of N atoms or edges, one tensor for each part of ``inputs``, to those of ``outputs``."""
        return tuple(self._output(part, x) for part in self.outputs.parts)

    def _output(self, part: Part, x: Features) -> Tensor:
        place = self.source.get(part.kind)
        if place is None:
            y = x[0].new_zeros(x[0].shape[0], 2 * part.kind.degree + 1, part.multiplicity)
        else:
            y = x[self.kept[place]] @ self.weights[place]
        return y + self.bias if self.bias is not None and part.kind == SCALAR else y


class Gate(nn.Module):
    """SiLU on scalars, and a sigmoid of a scalar of its own on every other feature.

    Args:
        outputs: what comes out; ``inputs`` has the gates among its scalars.
    """

    def __init__(self, outputs: Irreps):
        super().__init__()
        self.gated = [part.multiplicity for part in outputs.parts if part.kind != SCALAR]
        self.scalars = outputs.num_scalars
        parts = (part for part in outputs.parts if part.kind != SCALAR)
        self.inputs = Irreps((Part(self.scalars + sum(self.gated), Kind(0, 1)), *parts))

    def forward(self, x: Features) -> Features:
        """Features of ``inputs`` to those of ``outputs``, scalars first in both."""
        scalars, gates = cut(x[0], [self.scalars, sum(self.gated)], dim=2)
        gates = normalized_sigmoid(gates)
        ends = [sum(self.gated[:n]) for n in range(len(self.gated) + 1)]
        opened = (part * gates[:, :, a:b] for part, (a, b) in zip(x[1:], pairwise(ends), strict=True))
        return (normalized_silu(scalars), *opened)
