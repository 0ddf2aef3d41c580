"""Who is near whom: complete neighbour lists for any cell, kept while atoms move, and capped where a model wants it.

``build`` makes lists, ``verlet`` keeps them for as long as they provably hold, ``nearest`` caps them for published
models, and ``cells`` knows the shapes of cells for the whole package.
"""

from equical.neighbors.build import NeighborList, neighbor_list

__all__ = ["NeighborList", "neighbor_list"]
