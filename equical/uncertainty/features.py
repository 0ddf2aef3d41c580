"""What a model makes of the atoms of a structure, just before it reads off their energies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray

from equical.graph import AtomGraph
from equical.model import Potential
from equical.model.potential import edge_vectors

__all__ = ["features_kept", "nearness", "neighbor_pairs", "read_features"]


def read_features(potential: Potential, graph: AtomGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Invariant features ``[N, C]`` that the energies of atoms are read off, and energies ``[B]`` in eV."""
    with features_kept(potential) as kept:
        prediction = potential.predict(graph, forces=False)
    return _array(kept[0]), _array(prediction.energy)


@contextmanager
def features_kept(potential: Potential) -> Iterator[list[torch.Tensor]]:
    """A list of the invariant features ``[N, C]`` of every pass of the network within the block."""
    kept: list[torch.Tensor] = []
    hook = potential.network.energy_head.register_forward_pre_hook(lambda module, given: kept.append(given[0][:, 0]))
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
