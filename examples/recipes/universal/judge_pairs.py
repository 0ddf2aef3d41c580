"""Whether any two elements repel each other at short range, and ever more the closer they are."""

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols, covalent_radii
from judge_crystals import listed
from sources import ELEMENTS

SHARES = np.arange(0.25, 0.501, 0.025)
"""Distances in units of the sum of the covalent radii, all of them shorter than any bond."""

APART = 25.0
"""Å between pairs in one evaluation: no model sees that far."""

TOGETHER = 200
"""Pairs in one evaluation."""


def judge_pairs(calculator: Calculator, data: Path, quick: bool) -> dict[str, Any]:
    """The force that pushes the atoms of each pair apart (eV/Å) at each distance, and which pairs misbehave."""
    pairs = list(combinations_with_replacement(ELEMENTS, 2))[:: 20 if quick else 1]
    repulsion = np.array([repulsions(calculator, pairs, share) for share in SHARES]).T
    attract, hollow = [], []
    for pair, forces in zip(pairs, repulsion, strict=True):
        name = "-".join(chemical_symbols[z] for z in pair)
        if (forces <= 0).any():
            attract.append(name)
        elif (np.diff(forces) > 0).any():
            hollow.append(name)
    return {"pairs": len(pairs), "attract": attract, "not_monotonic": hollow}


def repulsions(calculator: Calculator, pairs: list[tuple[int, int]], share: float) -> np.ndarray:
    """``[pairs]`` eV/Å."""
    forces = []
    for start in range(0, len(pairs), TOGETHER):
        some = pairs[start : start + TOGETHER]
        numbers = np.array(some).ravel()
        positions = np.zeros((len(numbers), 3))
        positions[:, 0] = APART * np.repeat(np.arange(len(some)) % 15, 2)
        positions[:, 1] = APART * np.repeat(np.arange(len(some)) // 15, 2)
        positions[1::2, 2] = share * covalent_radii[numbers].reshape(-1, 2).sum(axis=1)
        atoms = Atoms(numbers, positions)
        forces.append(calculator.get_property("forces", atoms)[1::2, 2])
    return np.concatenate(forces)


def report_pairs(found: dict[str, Any]) -> list[str]:
    """How many, and which."""
    return [
        f"{found['pairs']} pairs, apart by {SHARES[0]:g} to {SHARES[-1]:g} of the sum of their covalent radii",
        f"  that attract each other somewhere: {listed(found['attract'])}",
        f"  whose repulsion weakens inwards: {listed(found['not_monotonic'])}",
    ]
