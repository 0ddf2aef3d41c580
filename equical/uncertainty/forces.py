"""Standard deviations of forces, from derivatives of the features that energies are read off.

The leverage is the standard deviation of energies of a linear layer, E = w·Σx, of whose weights the covariance PᵀP is
known and nothing else. Its forces are −w·∂Σx/∂r, and their standard deviations the lengths of P ∂Σx/∂r.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from equical.graph import AtomGraph
from equical.model import Potential
from equical.model.potential import edge_vectors, forces_from_edges
from equical.uncertainty.features import features_kept, nearness

__all__ = ["HEADS", "force_spread", "unseen_forces"]

HEADS = 32
"""Directions that are differentiated; their number leaves a standard deviation uncertain by an eighth. Where there are
no more to differentiate, it is exact."""


def force_spread(potential: Potential, graph: AtomGraph, posterior: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[N, 3]`` 1/Å: length of the derivative of P Σ x by each coordinate of each atom.

    Each of :data:`HEADS` directions costs as much as forces once the energy is known.

    Args:
        potential: the model, conservative.
        graph: one structure, on the device of the model.
        posterior: ``[C, C]`` P, see :class:`.Knowledge`.
    """
    heads = torch.tensor(_directions(len(posterior)) @ posterior, device=graph.positions.device)
    squares = torch.zeros(graph.num_atoms, 3, dtype=torch.float64, device=graph.positions.device)
    with torch.enable_grad(), features_kept(potential) as kept:
        vectors = edge_vectors(graph).to(potential.dtype).detach().requires_grad_()
        potential.network(graph.numbers, vectors, graph.sender, graph.receiver)
        values = heads @ kept[0].double().sum(dim=0)
        for value in values if values.requires_grad else ():  # atoms that have no neighbours move nothing
            (gradient,) = torch.autograd.grad(value, vectors, retain_graph=True)
            squares += forces_from_edges(gradient, graph) ** 2
    return squares.sqrt().cpu().numpy()


def unseen_forces(potential: Potential, graph: AtomGraph, pairs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``[N, 3]`` 1/Å: how fast N·p, atoms times the share of neighbours that were never seen, falls as each atom moves.

    Args:
        potential: the model.
        graph: one structure, on the device of the model.
        pairs: ``[Z, Z]`` elements that were neighbours in the data.
    """
    seen = torch.tensor(pairs, device=graph.numbers.device)
    unseen = ~seen[graph.numbers[graph.receiver], graph.numbers[graph.sender]]
    if not unseen.any():
        return np.zeros((graph.num_atoms, 3))
    with torch.enable_grad():
        vectors = edge_vectors(graph).detach().requires_grad_()
        near = nearness(vectors, potential.cutoff)
        share = near[unseen].sum() / near.sum().clamp_min(1e-12)
        (gradient,) = torch.autograd.grad(graph.num_atoms * share, vectors)
    return forces_from_edges(gradient, graph).cpu().numpy()


def _directions(width: int) -> NDArray[np.float64]:
    """``[K, C]`` orthogonal rows whose squared products with a vector sum to its squared length, in the mean."""
    if width <= HEADS:
        return np.eye(width)
    drawn = np.random.default_rng(0).standard_normal((width, HEADS))
    return np.linalg.qr(drawn)[0].T * np.sqrt(width / HEADS)
