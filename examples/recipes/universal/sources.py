"""What structures are made from: crystals of the Materials Project, and how often each and each element comes."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ase import Atoms
from frames import read_frames
from scipy.optimize import nnls

PARENTS = Path(__file__).parent / "parents.extxyz.gz"

ELEMENTS = tuple(z for z in range(1, 95) if not 84 <= z <= 88)
"""All up to plutonium but the five that the Materials Project lacks: Po, At, Rn, Fr, Ra."""

SMALL = 16
"""Most atoms in the cell of a small parent."""

TABLE = 120
"""Rows of tables indexed by atomic number."""


@dataclass(frozen=True)
class Sources:
    """Parents and elements.

    Attributes:
        parents: crystals with ``info["parent"]``.
        elements: atomic numbers that structures may be made of.
    """

    parents: tuple[Atoms, ...]
    elements: tuple[int, ...] = ELEMENTS

    @classmethod
    def read(cls, path: Path = PARENTS, elements: tuple[int, ...] = ELEMENTS) -> "Sources":
        """Parents from a file."""
        return cls(tuple(read_frames(path)), elements)

    @cached_property
    def small(self) -> tuple[Atoms, ...]:
        """Parents of at most ``SMALL`` atoms."""
        return tuple(atoms for atoms in self.parents if len(atoms) <= SMALL)

    @cached_property
    def chances(self) -> np.ndarray:
        """``[small]``; of each small parent to be drawn: rare elements and few atoms come more often."""
        found = Counter(int(z) for atoms in self.small for z in np.unique(atoms.numbers))
        rarity = [1 / min(found[int(z)] for z in atoms.numbers) ** 0.5 for atoms in self.small]
        chances = np.array(rarity) * [1.0 if len(atoms) <= 8 else 0.5 for atoms in self.small]
        return chances / chances.sum()

    @cached_property
    def abundance(self) -> np.ndarray:
        """``[elements]``; chance of each to take the place of another: nonmetals more often, noble gases hardly."""
        weights = np.ones(TABLE)
        weights[[2, 10, 18, 36, 54]] = 0.15
        weights[1] = 1.5
        weights[[6, 7, 9, 16, 17]] = 2.0
        weights[8] = 3.0
        chosen = weights[list(self.elements)]
        return chosen / chosen.sum()

    @cached_property
    def volumes(self) -> np.ndarray:
        """``[TABLE]`` Å³ by atomic number, which add up best to the volumes of the small parents."""
        counts = np.zeros((len(self.small), TABLE))
        for row, atoms in zip(counts, self.small, strict=True):
            np.add.at(row, atoms.numbers, 1.0)
        per_atom = 1 / counts.sum(axis=1)
        volumes = np.array([atoms.get_volume() for atoms in self.small])
        rows = np.vstack([counts * per_atom[:, None], 0.02 * np.eye(TABLE)])
        solution, _ = nnls(rows, np.concatenate([volumes * per_atom, 0.02 * np.full(TABLE, 18.0)]))
        return np.clip(solution, 4.0, 80.0)
