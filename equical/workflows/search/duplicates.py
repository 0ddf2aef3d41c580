"""Which of the structures that were found are one and the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equical.structures.identity import signature
from equical.workflows.search.composition import reduced

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["distinct"]

SAME_ENERGY = 0.003
"""eV/atom that forces and stresses left over by a relaxation may cost."""

SAME_VOLUME = 0.02
"""Relative difference of volumes that they may make."""

SAME_SIGNATURE = 0.003
"""Largest difference of what atoms see on average; fcc and the stacking in between it and hcp differ by 0.009."""

STANDARD = 15.0
"""Å³ per atom, at which structures are looked at."""


def distinct(structures: Sequence[Atoms], energies: Sequence[float]) -> list[list[int]]:
    """Groups of the same structure, in whatever cell, number of formula units and orientation.

    Args:
        structures: relaxed.
        energies: eV/atom.

    Returns:
        Indices of each group, from the lowest energy up, within the groups and among them.
    """
    prints = [_fingerprint(atoms) for atoms in structures]
    volumes = [atoms.cell.volume / len(atoms) for atoms in structures]
    formulas = [reduced(atoms.symbols.formula.count()) for atoms in structures]
    groups: list[list[int]] = []
    for index in np.argsort(energies, kind="stable").tolist():
        for group in groups:
            first = group[0]
            if (
                formulas[index] == formulas[first]
                and energies[index] - energies[first] < SAME_ENERGY
                and abs(volumes[index] / volumes[first] - 1) < SAME_VOLUME
                and _largest(prints[index] - prints[first]) < SAME_SIGNATURE
            ):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _fingerprint(atoms: Atoms) -> NDArray[np.float64]:
    """What atoms see on average, where pressure that is left over makes no difference."""
    scaled = atoms.copy()
    scaled.set_cell(atoms.cell * (STANDARD * len(atoms) / atoms.cell.volume) ** (1 / 3), scale_atoms=True)
    return signature(scaled) / len(atoms)


def _largest(difference: NDArray[np.float64]) -> float:
    return float(np.abs(difference).max())
