"""What strained crystals tell about their stiffness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.elastic.strain_dependence import StrainDependence
from equical.workflows.elastic.tensor import ElasticModuli

__all__ = ["ElasticResult"]


@dataclass(frozen=True, kw_only=True)
class ElasticResult(Result):
    """Elastic constants of a crystal at its reference structure. Voigt order xx, yy, zz, yz, xz, xy.

    Attributes:
        stiffness: ``[6, 6]`` GPa, C_IJ in the Cartesian axes of the input, with the crystal's symmetry.
        stiffness_standard: ``[6, 6]`` GPa, the same in the axes of spglib's standard conventional cell (a along x, b in
            the xy plane), which tables of C11, C12, C44 refer to.
        stiffness_fitted: ``[6, 6]`` GPa, as fitted, without symmetry: row I the stress, column J the strain.
        symmetry_deviation: largest |fitted − symmetric| over the largest symmetric constant.
        residual: ``[6]`` for each strain mode, root mean square of stress minus fit over the largest change of stress.
        kelvin_moduli: ``[6]`` GPa, eigenvalues of the stiffness in ascending order.
        stable: Born's criterion: all of them are positive.
        moduli: Voigt, Reuss and Hill averages; None where the crystal is not stable.
        space_group: symbol and number found by spglib.
        reference: the structure that was strained, relaxed as asked.
        reference_stress: ``[6]`` GPa, its stress; positive where the crystal pulls itself together.
        reference_max_force: eV/Å, its largest force.
        relaxed_first: whether cell and ions were relaxed before.
        volume_change: by that, relative to the volume of the input.
        strains: ``[S]`` amounts of strain of each mode.
        stresses: ``[6, S, 6]`` GPa, stress for each strain mode and amount.
        strain_dependence: moduli at another magnitude of strain, which should be the same.
        converged: all relaxations reached ``fmax``, and the reference is free of stress.
        warnings, wall_time, output: see :class:`.Result`.
    """

    stiffness: NDArray[np.float64]
    stiffness_standard: NDArray[np.float64]
    stiffness_fitted: NDArray[np.float64]
    symmetry_deviation: float
    residual: NDArray[np.float64]
    kelvin_moduli: NDArray[np.float64]
    stable: bool
    moduli: ElasticModuli | None
    space_group: str
    reference: Atoms = field(repr=False)
    reference_stress: NDArray[np.float64]
    reference_max_force: float
    relaxed_first: bool
    volume_change: float
    strains: NDArray[np.float64]
    stresses: NDArray[np.float64] = field(repr=False)
    strain_dependence: StrainDependence

    UNITS: ClassVar[Mapping[str, str]] = {
        "stiffness": "GPa",
        "stiffness_standard": "GPa",
        "stiffness_fitted": "GPa",
        "kelvin_moduli": "GPa",
        "reference_stress": "GPa",
        "reference_max_force": "eV/Å",
        "volume_change": "1",
        "check_strain": "1",
        "moduli_fitted": "GPa",
        "moduli_check": "GPa",
        "strain_dependence": "1",
        "residual": "1",
        "symmetry_deviation": "1",
        "stresses": "GPa",
        "moduli": "GPa; poisson and anisotropy are pure numbers",
        "strains": "1",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "stable": self.stable,
            "moduli": self.moduli,
            "stiffness": self.stiffness,
            "stiffness_standard": self.stiffness_standard,
            "stiffness_fitted": self.stiffness_fitted,
            "kelvin_moduli": self.kelvin_moduli,
            "reference_stress": self.reference_stress,
            "reference_max_force": self.reference_max_force,
            "relaxed_first": self.relaxed_first,
            "volume_change": self.volume_change,
            "residual": self.residual,
            "symmetry_deviation": self.symmetry_deviation,
            "stresses": self.stresses,
            "strains": self.strains,
            "check_strain": self.strain_dependence.check_strain,
            "moduli_names": self.strain_dependence.names,
            "moduli_fitted": self.strain_dependence.moduli_fitted,
            "moduli_check": self.strain_dependence.moduli_check,
            "strain_dependence": self.strain_dependence.strain_dependence,
            "space_group": self.space_group,
            "num_atoms": len(self.reference),
        }
