"""Where a structure has no atoms: what tells slabs and molecules from crystals."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.neighbors.cells import heights

__all__ = ["VACUUM", "empty_layers", "widest_gap"]

VACUUM = 6.0
"""Å. A wider gap between atoms along a lattice direction is taken for the vacuum of a slab or a molecule."""


def empty_layers(atoms: Atoms) -> NDArray[np.float64]:
    """``[3]`` Å: the widest layer without atoms along the normal of each pair of lattice vectors.

    >>> from ase.build import fcc111
    >>> empty_layers(fcc111("Cu", (1, 1, 3), vacuum=7)).round(1).tolist()
    [0.7, 0.7, 14.0]
    """
    fractions = np.sort(atoms.get_scaled_positions(wrap=False) % 1, axis=0)
    return heights(atoms.cell[:]) * np.diff(fractions, axis=0, append=fractions[:1] + 1).max(axis=0)


def widest_gap(atoms: Atoms) -> tuple[str, float]:
    """Name of the lattice vector (``"a"``, ``"b"``, ``"c"``) across the widest empty layer, and its width in Å."""
    gaps = empty_layers(atoms)
    axis = int(gaps.argmax())
    return "abc"[axis], float(gaps[axis])
