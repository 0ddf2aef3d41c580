"""Who is near whom: complete neighbour lists for any cell, kept while atoms move, and capped where a model wants it.

::

    positions, cell, pbc ─▶ build (cells ▶ backends ▶ sorted) ─▶ NeighborList ─▶ nearest ─▶ the edges of a capped model
                              ▲                                      │
                              └── verlet: made anew only when atoms have moved too far ◀──┘

* ``build`` checks the input, and returns all pairs within a cutoff in one order: by receiver, sender and shift.
* ``backends`` finds the pairs: vesin, or the optional torch-cluster for finite systems.
* ``verlet`` makes lists with a skin, and keeps them for as long as they provably hold every pair.
* ``nearest`` caps the number of neighbours as published models do.
* ``cells`` knows the shapes of cells for the whole package: heights, missing lattice vectors, compact cells.

An edge runs from sender j to receiver i; its vector is r_j + shift·cell − r_i, in Å. Everything is float64 and int64.
"""

from equical.neighbors.build import NeighborList, neighbor_list

__all__ = ["NeighborList", "neighbor_list"]
