"""Bulk, slab, wire or molecule: in how many directions a structure goes on without end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from equical.structures.vacuum import VACUUM, empty_layers

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["KINDS", "Kind", "kind_of"]

Kind = Literal["bulk", "slab", "wire", "molecule"]

KINDS: tuple[Kind, ...] = get_args(Kind)
"""By the number of directions with atoms all along: 3, 2, 1 and none."""


def kind_of(atoms: Atoms) -> Kind:
    """What kind of structure it is; a periodic direction across which there is vacuum does not count.

    Args:
        atoms: any structure. One whose cell has no volume, which no calculation accepts, passes for a crystal.

    >>> from ase.build import bulk, fcc111, molecule
    >>> in_a_box = molecule("H2O", vacuum=5, pbc=True)
    >>> [kind_of(atoms) for atoms in (bulk("Cu"), fcc111("Pt", (1, 1, 3), vacuum=6, periodic=True), in_a_box)]
    ['bulk', 'slab', 'molecule']
    """
    if not atoms.pbc.any():
        return "molecule"
    completed = atoms.copy()
    completed.set_cell(atoms.cell.complete())
    if np.linalg.matrix_rank(completed.cell.array, tol=1e-6) < 3:
        return "bulk"
    endless = atoms.pbc & ~(empty_layers(completed) > VACUUM)
    return KINDS[3 - int(endless.sum())]
