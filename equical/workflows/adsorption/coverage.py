"""Surface cells for a coverage: one adsorbate in each, as far from its periodic images as the lattice lets it be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from numpy.typing import NDArray

from equical.errors import InputError
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.sites import exposed_atoms

__all__ = ["cells_for", "spread_cell"]

Integers = NDArray[np.int64]

NEAR = 0.03
"""How far 1 / (coverage · surface atoms of the smallest cell) may be from a whole number, relative: 0.33 is a third."""


def cells_for(coverages: Sequence[float], recipe: SlabFromBulk, crystal: Atoms) -> dict[float, int]:
    """How many of the smallest surface cells hold one adsorbate.

    Args:
        coverages: adsorbates per surface atom.
        recipe: of the slab, on the smallest cell.
        crystal: to cut it from, relaxed or not.

    Raises:
        InputError: a coverage is not that of one adsorbate on a whole number of cells; or a recipe of a larger cell.
    """
    if tuple(recipe.size) != (1, 1):
        raise InputError("a coverage decides on the size of the surface cell: leave out --size")
    atoms = len(exposed_atoms(build_slab(recipe, crystal)))
    cells = {}
    for coverage in coverages:
        wanted = 1 / (coverage * atoms) if coverage > 0 else 0.0
        number = round(wanted)
        if number < 1 or abs(wanted / number - 1) > NEAR:
            known = ", ".join(f"{1 / (atoms * n):.3g}" for n in (1, 2, 3, 4))
            raise InputError(
                f"a coverage of {coverage:g} is not one adsorbate on a whole number of surface cells, which have "
                f"{atoms} surface atom{'s' if atoms > 1 else ''}: give {known} …"
            )
        cells[float(coverage)] = number
    if len(set(cells.values())) < len(coverages):
        raise InputError(f"the coverages {', '.join(f'{c:g}' for c in coverages)} are not all different")
    return cells


def spread_cell(slab: Atoms, cells: int) -> Atoms:
    """Repeat a slab to the cell of so many of its own in which periodic images are furthest apart.

    For four cells of fcc(111) that is p(2×2), for three (√3×√3)R30°, for two of fcc(100) c(2×2).

    Args:
        slab: surface normal along z; constraints are lost.
        cells: how many.

    Returns:
        A slab with the shortest lattice vectors in the surface plane, the first one along x.
    """
    plane = slab.cell[:2, :2]
    best, widest = np.eye(2, dtype=np.int64), 0.0
    for first in (n for n in range(1, cells + 1) if cells % n == 0):
        for shift in range(first):
            matrix = _shortest(np.array([[first, 0], [shift, cells // first]]), plane)
            apart = float(np.linalg.norm(matrix @ plane, axis=1).min())
            if apart > widest + 1e-3:  # of equally good ones the first
                best, widest = matrix, apart
    whole = np.eye(3, dtype=np.int64)
    whole[:2, :2] = best
    repeated = make_supercell(slab, whole)
    repeated.rotate(repeated.cell[0], "x", rotate_cell=True)
    return repeated


def _shortest(matrix: Integers, plane: NDArray[np.float64]) -> Integers:
    """``[2, 2]`` the same lattice by its two shortest vectors, at 60° to 90°; right-handed (Gauss's reduction)."""
    a, b = matrix
    while True:
        if np.linalg.norm(b @ plane) < np.linalg.norm(a @ plane) - 1e-6:
            a, b = b, a
        first = a @ plane
        turns = round(float((b @ plane) @ first / (first @ first)) - 1e-6)
        if turns == 0:
            break
        b = b - turns * a
    if np.linalg.det(np.array([a, b]) @ plane) < 0:
        b = -b
    return np.array([a, b])
