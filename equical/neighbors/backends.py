"""What finds pairs within a cutoff, once the cell is complete and compact: one function for each library."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError
from equical.neighbors.cells import Floats, heights

__all__ = ["BACKENDS", "Floats", "FoundPairs", "Integers", "PairFunction"]

FAR_CELLS = 1e6
"""Cells between an atom and the one around the origin, from which on it is put back first."""

THREADED = 2000
"""Atoms from which on vesin uses all cores."""

VESIN_BINS = 1e5
"""Bins from which on vesin makes its grid coarser, by one factor along all axes."""

FEWEST_BINS = 3
"""An axis that would be left with fewer bins than this may be left with none by rounding, which ends the process."""

Integers = NDArray[np.int64]
FoundPairs = tuple[Integers, Integers, Integers, Floats]
PairFunction = Callable[[Floats, Floats, NDArray[np.bool_], float], FoundPairs]
"""(positions, a complete and compact cell, periodic directions, cutoff) → receiver, sender, shift, distance."""


def vesin_pairs(points: Floats, cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> FoundPairs:
    """By vesin, whose grid of bins knows every cell; by :func:`tree_pairs` where that grid would have no bins."""
    if len(points) and _grid_vanishes(points, cell, periodic, cutoff):
        return tree_pairs(points, cell, periodic, cutoff)
    from vesin import NeighborList as VesinList  # loads a shared library

    # 0 is one for each core. For few atoms, starting them takes longer than the list.
    builder = VesinList(cutoff=cutoff, full_list=True, n_threads=0 if len(points) >= THREADED else 1)
    offset = np.where(periodic, np.floor(points @ np.linalg.inv(cell)), 0.0)
    # vesin keeps shifts in 32 bits: whole lattice vectors are taken off atoms that have strayed far.
    offset[np.all(np.abs(offset) < FAR_CELLS, axis=1)] = 0.0
    pairs, shift, distance = builder.compute(points - offset @ cell, cell, periodic, "PSd")
    receiver, sender = (np.ascontiguousarray(column).astype(np.int64) for column in pairs.T)
    shift = shift.astype(np.int64)
    if offset.any():
        whole = offset.astype(np.int64)
        shift += whole[receiver] - whole[sender]
    return receiver, sender, shift, distance


def _grid_vanishes(points: Floats, cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> bool:
    """Whether vesin (0.6.2) would divide by zero bins.

    It lays as many bins as there are cutoffs along each periodic vector and along the extent of the atoms in open
    directions. Beyond VESIN_BINS in total it takes fewer of them, in the same proportion: a stray atom kilometres away
    in the plane of a molecule leaves none across that plane. vesin knows no other algorithm on a CPU.
    """
    fractional = points @ np.linalg.inv(cell)
    extent = np.where(periodic, 1.0, np.ptp(fractional, axis=0))
    bins = np.maximum(extent * heights(cell) / cutoff, 1.0)
    total = float(np.prod(bins))
    return total > VESIN_BINS and float(bins.min()) * (VESIN_BINS / total) ** (1 / 3) < FEWEST_BINS


def tree_pairs(points: Floats, cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> FoundPairs:
    """By a tree, whose size and time depend on the number of atoms and not on the space between them."""
    from scipy.spatial import cKDTree

    inverse = np.linalg.inv(cell)
    whole = np.where(periodic, np.floor(points @ inverse), 0.0)
    inside = points - whole @ cell
    fractional = inside @ inverse
    reach = np.where(periodic, cutoff / heights(cell), 0.0)
    images = np.ceil(reach).astype(int)
    receivers, found = cKDTree(inside), []
    for index in np.ndindex(*(2 * images + 1)):
        image = np.array(index) - images
        moved = fractional + image
        near = np.flatnonzero(((moved >= -reach) & (moved <= 1 + reach) | ~periodic).all(axis=1))
        if not len(near):
            continue
        pairs = receivers.sparse_distance_matrix(cKDTree(inside[near] + image @ cell), cutoff, output_type="ndarray")
        receiver, sender, distance = pairs["i"], near[pairs["j"]], pairs["v"]
        keep = (distance < cutoff) & ((receiver != sender) | image.any())
        shift = np.broadcast_to(image, (keep.sum(), 3))
        found.append((receiver[keep], sender[keep], shift, distance[keep]))
    receiver, sender, shift = (np.concatenate([part[column] for part in found]).astype(np.int64) for column in range(3))
    steps = whole.astype(np.int64)
    return receiver, sender, shift + steps[receiver] - steps[sender], np.concatenate([part[3] for part in found])


def cluster_pairs(points: Floats, cell: Floats, periodic: NDArray[np.bool_], cutoff: float) -> FoundPairs:
    """By torch-cluster, an optional package, for finite systems.

    Raises:
        InputError: the package is not installed, or there are periodic directions.
    """
    if periodic.any():
        raise InputError("The backend torch-cluster knows no periodic directions; use vesin, or set pbc to False.")
    try:
        from torch_cluster import radius_graph
    except ImportError:
        raise InputError(
            "The backend torch-cluster needs the package torch-cluster; install it, or use vesin."
        ) from None
    import torch

    # Left to itself it keeps 32 neighbours of an atom, picked at random.
    edges = radius_graph(torch.from_numpy(points), cutoff, max_num_neighbors=max(len(points), 1))
    sender, receiver = edges.numpy().astype(np.int64)
    distance = np.linalg.norm(points[sender] - points[receiver], axis=1)
    near = distance < cutoff
    return receiver[near], sender[near], np.zeros((near.sum(), 3), dtype=np.int64), distance[near]


BACKENDS: dict[str, PairFunction] = {"vesin": vesin_pairs, "torch-cluster": cluster_pairs}
"""Finders of pairs by name."""
