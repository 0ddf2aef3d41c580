"""When a structure is not worth another step: it has come apart, or fallen into where no force field was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equical.neighbors.build import pairs_within
from equical.workflows.common.vacuum import VACUUM, empty_layers
from equical.workflows.search.sizes import distance_limits

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["hopeless"]

CRUSHED = 0.7
"""Of the sum of two radii. No bond is shorter but in hydrogen and some dimers; models have deep holes there."""


def hopeless(atoms: Atoms) -> str | None:
    """Why a structure is given up, one line, or None where it may go on.

    >>> from ase.build import bulk
    >>> hopeless(bulk("Cu")), hopeless(bulk("Cu", a=2.4))
    (None, 'atoms came within 1.70 Å of each other (Cu-Cu)')
    """
    limits = distance_limits(atoms.numbers, CRUSHED)
    receiver, sender, _, distance = pairs_within(atoms.positions, atoms.cell.array, atoms.pbc, float(limits.max()))
    crushed = distance < limits[receiver, sender]
    if crushed.any():
        worst = int((distance + (~crushed) * limits.max()).argmin())
        pair = "-".join(sorted((atoms.symbols[receiver[worst]], atoms.symbols[sender[worst]])))
        return f"atoms came within {distance[worst]:.2f} Å of each other ({pair})"
    gap = float(empty_layers(atoms).max())
    return f"it came apart ({gap:.1f} Å without atoms)" if gap > VACUUM else None
