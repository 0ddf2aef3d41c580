"""Whether elastic constants depend on the strains they were computed from: those of a smooth energy do not.

A model whose energy has a dent or a hump at the crystal gives other constants at small strains than at larger ones, and
what it gives at small strains describes the dent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equical.workflows.common.notes import warn
from equical.workflows.elastic.tensor import KELVIN_WEIGHT

__all__ = ["StrainDependence", "check_strain", "compare", "judge"]

FACTOR = 4
"""Between the two magnitudes of strain."""

LARGEST_STRAIN = 0.04
"""The larger magnitude stays below; where it would not, the other one is smaller than that of the fit."""

LARGEST_CHANGE = 0.1
"""Of a modulus between the two magnitudes, relative to the larger of its values; anharmonicity is a few percent."""


@dataclass(frozen=True)
class StrainDependence:
    """Moduli at another magnitude of strain.

    Attributes:
        check_strain: the other magnitude.
        names: ``C11−C12``, ``C44`` and ``bulk modulus`` of a cubic crystal, else ``Kelvin modulus 1`` to ``6``, each
            along a fixed mode of strain.
        moduli_fitted: GPa, for each name, at the strains that the stiffness was fitted to.
        moduli_check: GPa, the same at ``check_strain``.
        strain_dependence: largest |difference| over the larger of the two values.
    """

    check_strain: float
    names: tuple[str, ...]
    moduli_fitted: NDArray[np.float64]
    moduli_check: NDArray[np.float64]

    @property
    def changes(self) -> NDArray[np.float64]:
        """For each name |difference| over the larger of the two values."""
        larger = np.maximum(np.abs(self.moduli_fitted), np.abs(self.moduli_check))
        return np.abs(self.moduli_fitted - self.moduli_check) / np.maximum(larger, np.finfo(float).tiny)

    @property
    def strain_dependence(self) -> float:
        return float(self.changes.max())


def check_strain(max_strain: float) -> float:
    """The other magnitude, four times as large or, where this is too much, four times as small.

    >>> check_strain(0.005), check_strain(0.02)
    (0.02, 0.005)
    """
    larger = FACTOR * max_strain
    return larger if larger <= LARGEST_STRAIN else max_strain / FACTOR


def compare(
    stiffness: NDArray[np.float64], other: NDArray[np.float64], strain: float, *, cubic: bool
) -> StrainDependence:
    """Compare two stiffness matrices ``[6, 6]`` GPa in standard axes, the second of which is that at ``strain``."""
    names: tuple[str, ...]
    if cubic:
        names = ("C11−C12", "C44", "bulk modulus")
        both = [np.array([c[0, 0] - c[0, 1], c[3, 3], c[:3, :3].sum() / 9]) for c in (stiffness, other)]
    else:
        names = tuple(f"Kelvin modulus {number}" for number in range(1, 7))
        modes = np.linalg.eigh(stiffness * KELVIN_WEIGHT)[1]
        both = [np.einsum("im,ij,jm->m", modes, c * KELVIN_WEIGHT, modes) for c in (stiffness, other)]
    fitted, check = both
    return StrainDependence(strain, names, fitted, check)


def judge(found: StrainDependence, max_strain: float) -> None:
    """Warn of each modulus that changes its sign, or by more than ``LARGEST_CHANGE``."""
    told: dict[str, list[str]] = {"changes its sign": [], "depends on the strain": []}
    for name, fitted, check, change in zip(
        found.names, found.moduli_fitted, found.moduli_check, found.changes, strict=True
    ):
        if change > LARGEST_CHANGE:
            kind = "changes its sign" if fitted * check < 0 else "depends on the strain"
            told[kind].append(f"{name}: {fitted:.1f} GPa at {max_strain:g}, {check:.1f} GPa at {found.check_strain:g}")
    if told["changes its sign"]:
        warn(
            f"the curvature of the energy changes its sign with the strain ({'; '.join(told['changes its sign'])}): "
            "the model's energy has a dent or a hump at this crystal, and these constants describe it"
        )
    if told["depends on the strain"]:
        warn(
            f"the answer depends on the strain ({'; '.join(told['depends on the strain'])}): the model is not smooth "
            "enough for these constants, or forces are noisy, or ions move to other places"
        )
