"""How a model looks at a structure: which neighbours an atom has, wherever the atoms are moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from equical.graph import AtomGraph

if TYPE_CHECKING:
    from ase import Atoms

    from equical.model import AnyConfig

__all__ = ["NeighborRules"]


@dataclass(frozen=True)
class NeighborRules:
    """Rules by which a graph is built.

    Attributes:
        cutoff: Å.
        max_neighbors: cap on the neighbours of an atom, for published models that have one.
        strict: how the cap treats equal distances, see :func:`equical.neighbors.nearest.nearest`.
    """

    cutoff: float
    max_neighbors: int | None = None
    strict: bool = True

    @classmethod
    def of(cls, config: AnyConfig) -> Self:
        """The rules of a model."""
        return cls(config.cutoff, config.max_neighbors, config.strict_neighbors)

    def graph(self, atoms: Atoms, dtype: torch.dtype) -> AtomGraph:
        """The graph of one structure.

        Lattice vectors that are missing, as no edge crosses them, are replaced by unit vectors, so that the stress of a
        batch that holds molecules, layers and crystals stays a number.

        Raises:
            InputError: as :func:`equical.neighbors.build.neighbor_list`.
        """
        if atoms.cell.rank < 3 and not atoms.pbc[~atoms.cell.any(axis=1)].any():
            atoms = atoms.copy()
            atoms.cell = atoms.cell.complete()
        return AtomGraph.from_atoms(atoms, self.cutoff, dtype, max_neighbors=self.max_neighbors, strict=self.strict)

    def moved(self, graph: AtomGraph, positions: np.ndarray) -> AtomGraph:
        """The graph of one structure with its atoms elsewhere.

        Args:
            graph: of one structure.
            positions: ``[N, 3]`` Å.

        Raises:
            InputError: two atoms have come to lie on each other.
        """
        from ase import Atoms

        cell, pbc = graph.cell[0].double().cpu().numpy(), graph.pbc[0].cpu().numpy()
        atoms = Atoms(numbers=graph.numbers.cpu().numpy(), positions=positions, cell=cell, pbc=pbc)
        return self.graph(atoms, graph.positions.dtype)
