"""How far the surroundings of an atom are from all those in the data.

What an atom is embedded as, before the network has mixed anything, is a sum over its neighbours by distance and
element: unlike the features that energies are read off, which are normalised, it goes on growing where atoms come
closer than ever. Distances are those to the nearest of some atoms of the same element that were kept of the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """Surroundings of the atoms in the data; C channels, K directions, M atoms, Z = 119 rows by atomic number.

    Attributes:
        projection: ``[K, C]`` maps what an atom is embedded as to directions in which those in the data differ most,
            each as much as the next.
        kept: ``[Z, M, K]`` atoms of each element there, as far apart as can be; where there were fewer, some are
            repeated.
        reach: ``[Z]`` the distance that counts as 1; zero for elements that were not in the data.
    """

    projection: NDArray[np.float64]
    kept: NDArray[np.float64]
    reach: NDArray[np.float64]

    def distances(self, numbers: NDArray[np.int64], embedded: NDArray[np.floating]) -> NDArray[np.float64]:
        """``[N]`` distances of atoms, of numbers ``[N]`` and embedded as ``[N, C]``; infinite for other elements."""
        from scipy.spatial.distance import cdist

        found = np.full(len(numbers), np.inf)
        for z in np.unique(numbers[self.reach[numbers] > 0]):
            rows = numbers == z
            found[rows] = cdist(embedded[rows] @ self.projection.T, self.kept[z]).min(axis=1) / self.reach[z]
        return found

    def scaled(self, factor: float) -> Surroundings:
        """The same with a reach that is so many times as long."""
        return replace(self, reach=factor * self.reach)
