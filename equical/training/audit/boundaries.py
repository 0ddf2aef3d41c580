"""Boundary conditions that contradict the structures they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from equical.structures.periodicity import bonded_across
from equical.training.audit.finding import DataFinding
from equical.training.data.labels import find_label

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["check_boundaries"]


def check_boundaries(images: Mapping[str, Atoms], stress_key: str | None) -> list[DataFinding]:
    """Crystals that are said not to be periodic, and stresses of what is not.

    Args:
        images: structures by origin, with all that the files say.
        stress_key: where a stress stands.
    """
    crystals: list[str] = []
    layers: list[str] = []
    stressed: list[str] = []
    for origin, atoms in images.items():
        if atoms.pbc.all() or atoms.cell.rank == 0:
            continue
        has_stress = stress_key is not None and _is_there(find_label(atoms, stress_key))
        if bonded_across(atoms):
            (layers if atoms.pbc.any() and not has_stress else crystals).append(origin)
        elif has_stress:
            stressed.append(origin)
    findings = []
    if crystals:
        message = (
            f"{len(crystals)} of {len(images)} frames are not periodic (pbc), although their atoms bond across faces "
            "of the cell: crystals, which would be trained as clusters"
        )
        findings.append(DataFinding("error", "boundaries", message, 'Set pbc to True ("T T T")', tuple(crystals)))
    if layers:
        message = f"in {len(layers)} of {len(images)} frames atoms bond across a face of the cell that is not periodic"
        findings.append(DataFinding("warning", "boundaries", message, "Set pbc if they are no layers", tuple(layers)))
    if stressed:
        message = f"{len(stressed)} of {len(images)} frames have a stress, but are not periodic in three directions"
        advice = "Their stress is not used; set pbc if they are crystals"
        findings.append(DataFinding("warning", "boundaries", message, advice, tuple(stressed)))
    return findings


def _is_there(stress: object) -> bool:
    """Whether there is a stress; programs write zeros where there is none."""
    try:
        return stress is not None and bool(np.abs(np.asarray(stress, dtype=np.float64)).max() > 0)
    except (TypeError, ValueError):
        return False
