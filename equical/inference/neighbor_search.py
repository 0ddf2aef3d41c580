"""The neighbours a model looks at, of structures that come one after the other."""

from __future__ import annotations

from numpy.typing import ArrayLike

from equical.model import Potential
from equical.neighbors.backends import Integers
from equical.neighbors.build import NeighborList
from equical.neighbors.nearest import nearest
from equical.neighbors.verlet import VerletList

__all__ = ["NeighborSearch"]


class NeighborSearch:
    """Keeps a list of pairs for as long as it holds, and caps the number of neighbours where the model does.

    Args:
        potential: the force field.
    """

    def __init__(self, potential: Potential):
        config = potential.config
        self.list = VerletList(potential.cutoff)
        self.cap, self.strict = config.max_neighbors, config.strict_neighbors

    @property
    def rebuilds(self) -> int:
        """How often the list was made."""
        return self.list.rebuilds

    def neighbors(self, positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> NeighborList:
        """The neighbours the model looks at.

        Raises:
            InputError: as :func:`equical.neighbors.build.neighbor_list`.
        """
        found = self.list.neighbors(positions, cell, pbc)
        return found if self.cap is None else nearest(found, positions, cell, self.cap, strict=self.strict)

    def candidates(self, positions: ArrayLike, cell: ArrayLike, pbc: ArrayLike) -> tuple[NeighborList, Integers]:
        """See :meth:`equical.neighbors.verlet.VerletList.candidates`; of models without a cap."""
        assert self.cap is None
        return self.list.candidates(positions, cell, pbc)
