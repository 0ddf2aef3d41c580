"""What a model makes of the atoms of a structure: at first, and just before it reads off their energies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from equical.graph import AtomGraph
from equical.model import Potential
from equical.model.potential import edge_vectors

__all__ = ["Features", "features_kept", "nearness", "neighbor_pairs", "read_features"]


class Features(NamedTuple):
    """Invariants of atoms.

    Attributes:
        embedded: ``[N, C]`` that the first layer is given: their element, and sums over their neighbours.
        final: ``[N, C]`` that their energies are read off.
    """

    embedded: NDArray[np.float64]
    final: NDArray[np.float64]


def read_features(potential: Potential, graph: AtomGraph) -> tuple[Features, NDArray[np.float64]]:
    """Features of all atoms, and energies ``[B]`` in eV, from one pass."""
    with _given_to(potential.network.blocks[0]) as embedded, features_kept(potential) as final:
        prediction = potential.predict(graph, forces=False)
    return Features(_array(embedded[0]), _array(final[0])), _array(prediction.energy)


def features_kept(potential: Potential) -> AbstractContextManager[list[torch.Tensor]]:
    """A list of the final features ``[N, C]`` of every pass of the network within the block."""
    return _given_to(potential.network.energy_head)


@contextmanager
def _given_to(part: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """A list of the invariants ``[N, C]`` that a part of a network is given within the block."""
    kept: list[torch.Tensor] = []
    hook = part.register_forward_pre_hook(lambda module, given: kept.append(given[0][:, 0]))
    try:
        yield kept
    finally:
        hook.remove()


def nearness(vectors: torch.Tensor, cutoff: float) -> torch.Tensor:
    """``[E]`` how much the two atoms of an edge ``[E, 3]`` are neighbours: 1 where they coincide, 0 at the cutoff."""
    return 1 - vectors.norm(dim=1) / cutoff


def neighbor_pairs(graph: AtomGraph, cutoff: float) -> NDArray[np.float64]:
    """``[Z, Z]`` symmetric: how much atoms of two elements are neighbours, Σ (1 − r/cutoff) over their pairs."""
    weights = np.zeros((len(chemical_symbols),) * 2)
    numbers = graph.numbers.cpu().numpy()
    edges = (numbers[graph.receiver.cpu().numpy()], numbers[graph.sender.cpu().numpy()])
    np.add.at(weights, edges, _array(nearness(edge_vectors(graph), cutoff)))
    return 0.5 * (weights + weights.T)


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
