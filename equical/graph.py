"""Atoms and their neighbours as tensors: the only thing a model ever sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from equical.neighbors.build import NeighborList, neighbor_list
from equical.neighbors.nearest import nearest

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["AtomGraph"]


@dataclass(frozen=True)
class AtomGraph:
    """One or several structures as one graph: N atoms, E directed edges, B structures.

    Edge e runs from its ``sender`` j to its ``receiver`` i; its vector ``r_j + shift·cell − r_i`` points from the
    receiver to the sender. Edges are sorted by receiver, so the edges of an atom are neighbours in memory.

    Attributes:
        numbers: ``[N]`` int64, atomic numbers.
        positions: ``[N, 3]`` Å.
        cell: ``[B, 3, 3]`` Å, rows are lattice vectors; zeros where a structure has none.
        pbc: ``[B, 3]`` bool.
        structure: ``[N]`` int64, the structure of each atom, ascending.
        receiver: ``[E]`` int64, ascending.
        sender: ``[E]`` int64.
        shift: ``[E, 3]`` whole numbers in the dtype of ``positions``: lattice vectors added to the sender.
    """

    numbers: Tensor
    positions: Tensor
    cell: Tensor
    pbc: Tensor
    structure: Tensor
    receiver: Tensor
    sender: Tensor
    shift: Tensor

    @property
    def num_atoms(self) -> int:
        return self.numbers.shape[0]

    @property
    def num_edges(self) -> int:
        return self.receiver.shape[0]

    @property
    def num_structures(self) -> int:
        return self.cell.shape[0]

    @classmethod
    def from_atoms(
        cls,
        atoms: Atoms,
        cutoff: float,
        dtype: torch.dtype = torch.float32,
        *,
        max_neighbors: int | None = None,
        strict: bool = True,
    ) -> AtomGraph:
        """The graph of one ASE structure with all neighbours within ``cutoff`` (Å).

        Models with a cap on the number of neighbours want only the nearest ones, see
        :func:`equical.neighbors.nearest.nearest`.
        """
        cell, pbc = atoms.cell.array, np.asarray(atoms.pbc)
        neighbors = neighbor_list(atoms.positions, cell, pbc, cutoff)
        if max_neighbors is not None:
            neighbors = nearest(neighbors, atoms.positions, cell, max_neighbors, strict=strict)
        return cls.from_neighbors(atoms.numbers, atoms.positions, cell, pbc, neighbors, dtype)

    @classmethod
    def from_neighbors(
        cls,
        numbers: np.ndarray,
        positions: np.ndarray,
        cell: np.ndarray,
        pbc: np.ndarray,
        neighbors: NeighborList,
        dtype: torch.dtype = torch.float32,
    ) -> AtomGraph:
        """Copy arrays of one structure and its neighbour list into tensors."""
        return cls(
            numbers=torch.tensor(numbers, dtype=torch.int64),
            positions=torch.tensor(positions, dtype=dtype),
            cell=torch.tensor(np.asarray(cell), dtype=dtype).reshape(1, 3, 3),
            pbc=torch.tensor(np.asarray(pbc), dtype=torch.bool).reshape(1, 3),
            structure=torch.zeros(len(numbers), dtype=torch.int64),
            receiver=torch.tensor(neighbors.receiver, dtype=torch.int64),
            sender=torch.tensor(neighbors.sender, dtype=torch.int64),
            shift=torch.tensor(neighbors.shift, dtype=dtype).reshape(-1, 3),
        )

    @staticmethod
    def batch(graphs: Sequence[AtomGraph]) -> AtomGraph:
        """Lay several graphs side by side; atoms, edges and structures keep their order."""
        if len(graphs) == 1:
            return graphs[0]
        atoms_before = np.cumsum([0] + [graph.num_atoms for graph in graphs]).tolist()
        structures_before = np.cumsum([0] + [graph.num_structures for graph in graphs]).tolist()
        return AtomGraph(
            numbers=torch.cat([graph.numbers for graph in graphs]),
            positions=torch.cat([graph.positions for graph in graphs]),
            cell=torch.cat([graph.cell for graph in graphs]),
            pbc=torch.cat([graph.pbc for graph in graphs]),
            structure=torch.cat([g.structure + first for g, first in zip(graphs, structures_before, strict=False)]),
            receiver=torch.cat([g.receiver + first for g, first in zip(graphs, atoms_before, strict=False)]),
            sender=torch.cat([g.sender + first for g, first in zip(graphs, atoms_before, strict=False)]),
            shift=torch.cat([graph.shift for graph in graphs]),
        )

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> AtomGraph:
        """Move to a device and/or change the floating-point type."""
        moved = {name: value.to(device) for name, value in vars(self).items()}
        if dtype is not None:
            for name in ("positions", "cell", "shift"):
                moved[name] = moved[name].to(dtype)
        return replace(self, **moved)
