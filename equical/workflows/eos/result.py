"""What a scan of volumes came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.eos.fit import EosFit

__all__ = ["EosResult"]


@dataclass(frozen=True, kw_only=True)
class EosResult(Result):
    """Equation of state of a crystal. Fitted numbers are NaN where the fit was refused.

    Attributes:
        form: name of the equation of state, as ASE calls it.
        volumes: ``[P]`` Å³, volumes of the cell.
        energies: ``[P]`` eV, energies of the cell.
        structures: ``[P]`` crystals at these volumes, relaxed as asked.
        volume: V0 in Å³, of the cell.
        energy: E0 in eV, of the cell.
        bulk_modulus: B0 in GPa.
        bulk_modulus_derivative: B0' = dB/dP at V0.
        lattice_scale: (V0 / V of the input)^(1/3), the factor from the input's lattice constants to the fitted ones.
        structure: the crystal of the nearest volume scaled to V0; None where the fit was refused.
        fit: the fit itself, with its quality.
        converged: the fit can be trusted, and every point was relaxed as asked.
        warnings, wall_time, output: see :class:`.Result`.
    """

    form: str
    volumes: NDArray[np.float64] = field(repr=False)
    energies: NDArray[np.float64] = field(repr=False)
    structures: list[Atoms] = field(repr=False)
    volume: float
    energy: float
    bulk_modulus: float
    bulk_modulus_derivative: float
    lattice_scale: float
    structure: Atoms | None = field(repr=False)
    fit: EosFit = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = {
        "volume": "Å³ per cell",
        "energy": "eV per cell",
        "bulk_modulus": "GPa",
        "bulk_modulus_derivative": "1",
        "lattice_scale": "1",
        "rms_residual": "eV per atom",
        "r_squared": "1",
        "volumes": "Å³ per cell",
        "energies": "eV per cell",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "form": self.form,
            "volume": self.volume,
            "energy": self.energy,
            "bulk_modulus": self.bulk_modulus,
            "bulk_modulus_derivative": self.bulk_modulus_derivative,
            "lattice_scale": self.lattice_scale,
            "volumes": self.volumes,
            "energies": self.energies,
            "rms_residual": self.fit.rms_residual,
            "r_squared": self.fit.r_squared,
            "minimum_inside": self.fit.minimum_inside,
            "num_atoms": len(self.structures[0]),
            "num_points": len(self.volumes),
        }
