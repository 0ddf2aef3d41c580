"""When a structure is not worth another step: it has come apart, or fallen into where no force field was trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from equical.neighbors.build import pairs_within
from equical.structures.vacuum import VACUUM, empty_layers
from equical.workflows.search.sizes import distance_limits

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["hopeless"]

CRUSHED = 0.94
"""Of the distance at which atoms may start. Shorter bonds are those of molecules, and models have deep holes there."""


def hopeless(atoms: Atoms, distances: Mapping[str, float]) -> str | None:
    """Why a structure is given up, one line, or None where it may go on.

    Args:
        atoms: periodic in three directions.
        distances: Å, how close pairs of elements may start, where it is given; see :func:`distance_limits`.

    >>> from ase.build import bulk
    >>> hopeless(bulk("Cu"), {}), hopeless(bulk("Cu", a=2.4), {})
    (None, 'atoms came within 1.70 Å of each other (Cu-Cu)')
    """
    limits = CRUSHED * distance_limits(atoms.numbers, distances)
    receiver, sender, _, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, float(limits.max()))
    crushed = distance < limits[receiver, sender]
    if crushed.any():
        worst = int((distance + (~crushed) * limits.max()).argmin())
        pair = "-".join(sorted((atoms.symbols[receiver[worst]], atoms.symbols[sender[worst]])))
        return f"atoms came within {distance[worst]:.2f} Å of each other ({pair})"
    gap = float(empty_layers(atoms).max())
    return f"it came apart ({gap:.1f} Å without atoms)" if gap > VACUUM else None
