"""The shape of a cell: how thick it is, what stands in for missing lattice vectors, and a compact one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equical.errors import InputError

__all__ = ["Floats", "complete_cell", "heights", "reduce_cell"]

Floats = NDArray[np.float64]


def heights(cell: Floats) -> Floats:
    """Distance between opposite faces of the cell along each lattice vector.

    Args:
        cell: ``[..., 3, 3]`` Å, rows are lattice vectors.

    Returns:
        ``[..., 3]`` Å.
    """
    return 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=-2)


def complete_cell(cell: Floats, periodic: NDArray[np.bool_]) -> Floats:
    """Replace lattice vectors of open directions by unit vectors orthogonal to the periodic ones.

    What stands there (zeros, a box edge, a vector within the plane of a slab) has no meaning for the list, whose
    shifts are zero along these directions, but would spoil the inverse of the cell.
    """
    if cell.shape != (3, 3):
        raise InputError(f"The cell must have the shape [3, 3], not {list(cell.shape)}.")
    if not np.isfinite(cell).all():
        raise InputError("The cell has lattice vectors that are not finite numbers; correct the cell.")
    rows = cell[periodic]
    lengths = np.linalg.norm(rows, axis=1)
    # The rows of `basis` beyond the rank span the orthogonal complement.
    _, spans, basis = np.linalg.svd(rows / np.maximum(lengths, np.finfo(float).tiny)[:, None])
    if spans.size and spans.min() < 1e-8:
        axes = ", ".join("abc"[axis] for axis in np.flatnonzero(periodic))
        raise InputError(
            f"The periodic cell has no volume: the lattice vectors along its periodic directions ({axes}) are zero or"
            " linearly dependent; correct the cell, or set pbc to False."
        )
    completed = np.empty((3, 3))
    completed[periodic] = rows
    completed[~periodic] = basis[len(rows) :]
    return completed


def reduce_cell(cell: Floats, periodic: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64]]:
    """A compact cell of the same lattice, and the whole-number matrix with ``reduced = operation @ cell``.

    A strongly skewed cell is thin, and its list would need thousands of images. A shift S of the reduced cell is the
    shift ``S @ operation`` of the original one, so nothing else changes.
    """
    # The product of the edges of a Minkowski-reduced cell is at most twice its volume: nothing to gain below that.
    if np.prod(np.linalg.norm(cell, axis=1)) <= 2.5 * abs(np.linalg.det(cell)):
        return cell, np.eye(3, dtype=np.int64)
    from ase.geometry import minkowski_reduce  # rarely needed, slow to import

    reduced, operation = minkowski_reduce(cell, pbc=periodic)
    return np.asarray(reduced), np.asarray(operation).astype(np.int64)
