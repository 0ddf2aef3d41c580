"""Tensor products of features with the harmonics of an edge, channel by channel."""

from collections import defaultdict
from itertools import product
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn

from equical.model.kernels.joints import join
from equical.model.v1.irreps import SCALAR, Features, Irreps, Kind, Part
from equical.so3.couplings import wigner_3j

__all__ = ["DepthwiseProduct", "coupling_tables"]


def coupled_degrees(degree: int, lmax: int) -> list[tuple[int, int]]:
    """Degrees (of harmonics, of the product) that couple with ``degree``, in the order of the rows of a coupling."""
    pairs = product(range(lmax + 1), range(lmax + 1))
    return [(edge, out) for edge, out in pairs if abs(degree - edge) <= out <= degree + edge]


def coupling_tables(lmax: int) -> list[Tensor]:
    """For each degree, the constants that make harmonics a linear map of features of that degree.

    Returns:
        ``[(lmax + 1)², S·(2·degree + 1)]`` float64, where S counts the components of all products; products of
        component-normalised features are component-normalised.
    """
    tables = []
    for degree in range(lmax + 1):
        blocks = []
        for edge, out in coupled_degrees(degree, lmax):
            block = np.zeros(((lmax + 1) ** 2, 2 * out + 1, 2 * degree + 1))
            block[edge**2 : (edge + 1) ** 2] = sqrt(2 * out + 1) * wigner_3j(degree, edge, out).transpose(1, 2, 0)
            blocks.append(block)
        tables.append(torch.from_numpy(np.concatenate(blocks, axis=1).reshape((lmax + 1) ** 2, -1)))
    return tables


class DepthwiseProduct(nn.Module):
    """Depth-wise tensor product: every channel of the features with every degree of the harmonics, each weighted.

    Args:
        inputs: features.
        wanted: kinds that are kept; scalars are kept anyway.
        lmax: highest degree of the harmonics.
        odd_harmonics: whether harmonics of odd degree are odd; otherwise all count as even.

    Attributes:
        outputs: what comes out.
        num_weights: one for each channel and pair of degrees.
    """

    def __init__(self, inputs: Irreps, wanted: Irreps, lmax: int, *, odd_harmonics: bool):
        super().__init__()
        self.degrees = [part.kind.degree for part in inputs.parts]
        self.paths: list[tuple[int, int, int, int, int]] = []  # part, first row, rows, first weight, channels
        self.num_weights = 0
        sources: dict[Kind, list[int]] = defaultdict(list)
        for place, (channels, (degree, parity)) in enumerate(inputs.parts):
            row = 0
            for edge, out in coupled_degrees(degree, lmax):
                kind = Kind(out, parity * (-1) ** edge if odd_harmonics else parity)
                if kind in wanted.kinds or kind == SCALAR:
                    sources[kind].append(len(self.paths))
                    self.paths.append((place, row, 2 * out + 1, self.num_weights, channels))
                    self.num_weights += channels
                row += 2 * out + 1
        kinds = sorted(sources, key=lambda kind: (kind.degree, -kind.parity))
        self.sources = [sources[kind] for kind in kinds]
        self.outputs = Irreps(tuple(Part(sum(self.paths[n][4] for n in sources[kind]), kind) for kind in kinds))

    def forward(self, x: Features, couplings: tuple[Tensor, ...], weights: Tensor) -> Features:
        """Features of E edges.

        Args:
            x: of ``inputs``.
            couplings: for each degree ``[E, S, 2·degree + 1]``, harmonics times :func:`coupling_tables`.
            weights: ``[E, num_weights]``, or ``[1, num_weights]`` for all edges alike.
        """
        products = [torch.bmm(couplings[degree], part) for degree, part in zip(self.degrees, x, strict=True)]
        weighted = [
            products[place][:, row : row + rows] * weights[:, None, first : first + channels]
            for place, row, rows, first, channels in self.paths
        ]
        return tuple(join([weighted[n] for n in chosen], dim=2) for chosen in self.sources)
