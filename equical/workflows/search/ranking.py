"""From relaxed structures to a ranking: duplicates are counted, and energies compared with the hull."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from equical.workflows.common.spacegroup import space_group
from equical.workflows.search.composition import reduced
from equical.workflows.search.duplicates import distinct
from equical.workflows.search.hull import formation_energies, fractions_of, hull_distances
from equical.workflows.search.result import Found

__all__ = ["Candidate", "ranked"]

SYMPREC = 0.1
"""Å, tolerance of the space groups of structures that were relaxed from random ones."""


class Candidate(NamedTuple):
    """A random structure, relaxed: its number, the atoms with their energy, and whether it converged."""

    number: int
    atoms: Atoms
    converged: bool


def ranked(candidates: Sequence[Candidate], elements: Sequence[str]) -> tuple[Found, ...]:
    """Distinct structures by height above the hull, and by energy per atom where that is the same.

    Args:
        candidates: one at least.
        elements: of the search.
    """
    energies = [one.atoms.get_potential_energy() / len(one.atoms) for one in candidates]
    groups = distinct([one.atoms for one in candidates], energies)
    firsts = [candidates[group[0]] for group in groups]
    energy = np.array([energies[group[0]] for group in groups])
    compositions = [reduced(one.atoms.symbols.formula.count()) for one in firsts]
    fractions = fractions_of(compositions, elements)
    above, formation = hull_distances(fractions, energy), formation_energies(fractions, energy)
    lowest: dict[str, float] = {}
    for composition, value in zip(compositions, energy, strict=True):
        lowest.setdefault(str(composition), value)  # groups come from the lowest energy up
    found = [
        Found(
            atoms=one.atoms,
            numbers=tuple(candidates[member].number for member in group),
            energy_per_atom=float(energy[place]),
            above_lowest=float(energy[place] - lowest[str(compositions[place])]),
            above_hull=float(above[place]),
            formation_energy=None if formation is None else float(formation[place]),
            space_group=space_group(one.atoms, SYMPREC),
            converged=one.converged,
        )
        for place, (group, one) in enumerate(zip(groups, firsts, strict=True))
    ]
    return tuple(sorted(found, key=lambda one: (round(one.above_hull, 6), one.energy_per_atom)))
