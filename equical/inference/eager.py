"""The plain way to execute a model: build the graph, call the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from equical.graph import AtomGraph
from equical.inference.frozen import FrozenTwin
from equical.inference.neighbor_search import NeighborSearch
from equical.inference.stats import Stats
from equical.model import Potential
from equical.model.frozen import Convolutions, Matrix, freeze
from equical.neighbors.build import NeighborList
from equical.prediction import Prediction

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EagerEvaluator", "exact_graph", "plain_mode", "to_host"]


class EagerEvaluator:
    """Evaluates one structure after the other.

    Args:
        potential: the force field, on the device it shall run on. It is left as it is, and may change.
        convolutions: what multiplies the matrices of convolutions.

    Attributes:
        frozen: the twin of the force field that is evaluated.
        stats: what it did so far.
    """

    def __init__(self, potential: Potential, convolutions: Convolutions = Matrix):
        self.potential = potential
        self.frozen = FrozenTwin(potential, partial(freeze, convolutions=convolutions))
        self.search = NeighborSearch(potential)
        self.stats = Stats()

    def evaluate(self, atoms: Atoms, *, forces: bool, stress: bool) -> Prediction:
        """Energy of a structure, and forces and stress where wanted, on the host.

        Positions and cell stay in float64 until the vectors between neighbours are known, so that atoms far from the
        origin are described as well as those close to it.

        Raises:
            InputError: as :func:`equical.neighbors.build.neighbor_list`.
        """
        stats, device = self.stats, self.potential.reference_energies.device
        with plain_mode(device):
            with stats.stage("neighbors"):
                neighbors = self.search.neighbors(atoms.positions, atoms.cell.array, atoms.pbc)
            with stats.stage("inputs"):
                graph = exact_graph(atoms, neighbors).to(device)
            with stats.stage("network"):
                prediction = to_host(self.frozen().predict(graph, forces=forces, stress=stress))
        stats.evaluations += 1
        stats.list_rebuilds = self.search.rebuilds
        return prediction


def exact_graph(atoms: Atoms, neighbors: NeighborList) -> AtomGraph:
    """The graph of a structure whose neighbours are known, in float64, on the host."""
    return AtomGraph.from_neighbors(
        atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, neighbors, torch.float64
    )


@contextmanager
def plain_mode(device: torch.device) -> Iterator[None]:
    """Compute what the model says, in the types it has, in whatever mode of torch the caller may be.

    In inference mode there would be no forces, and under autocast not the precision that was asked for.
    """
    with torch.inference_mode(False), torch.autocast(device.type, enabled=False):
        yield


def to_host(prediction: Prediction) -> Prediction:
    """The same in the memory of the host; waits for the device."""
    tensors = {name: value.cpu() for name, value in vars(prediction).items() if isinstance(value, Tensor)}
    return replace(prediction, **tensors)
