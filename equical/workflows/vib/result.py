"""What displaced atoms tell about vibrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from equical.workflows.common.molecule import Geometry
from equical.workflows.common.result import Result
from equical.workflows.vib.hessian import Hessian
from equical.workflows.vib.modes import ImaginaryVibration, NormalModes
from equical.workflows.vib.thermo import Thermochemistry

__all__ = ["VibResult"]


@dataclass(frozen=True, kw_only=True)
class VibResult(Result):
    """Vibrations of a molecule or an adsorbate. Imaginary frequencies are negative numbers.

    Attributes:
        structure: relaxed if asked, with energy and forces attached.
        indices: of the atoms that vibrate.
        displacement: Å.
        max_force: eV/Å, largest force on an atom that vibrates.
        num_reused: how many calculations were found from an interrupted run.
        geometry: ``"monatomic"``, ``"linear"`` or ``"nonlinear"``; None for what is no free molecule.
        point_group: Schoenflies symbol of a free molecule, isotopes told apart; None for others.
        modes: frequencies and directions.
        hessian: second derivatives of the energy.
        imaginary_modes: the lowest first; none at a minimum, one at a transition state.
        thermo: enthalpy, entropy and Gibbs energy, imaginary modes left out.
        converged: no atom that vibrates feels a force above 0.01 eV/Å.
        warnings, wall_time, output: see :class:`.Result`.
    """

    structure: Atoms = field(repr=False)
    indices: tuple[int, ...]
    displacement: float
    max_force: float
    num_reused: int
    geometry: Geometry | None
    point_group: str | None
    modes: NormalModes = field(repr=False)
    hessian: Hessian = field(repr=False)
    imaginary_modes: list[ImaginaryVibration]
    thermo: Thermochemistry

    UNITS: ClassVar[Mapping[str, str]] = {
        "energy": "eV",
        "max_force": "eV/Å",
        "displacement": "Å",
        "frequencies": "cm⁻¹, imaginary ones negative",
        "frequency": "cm⁻¹, as a negative number",
        "rigid_frequencies": "cm⁻¹, of translations and rotations before they were taken out",
        "quanta": "eV",
        "reduced_masses": "amu",
        "asymmetry": "eV/Å²",
        "zero_point_energy": "eV",
        "temperature": "K",
        "pressure": "bar",
        "internal_energy": "eV, potential and zero-point energy included",
        "enthalpy": "eV, potential and zero-point energy included",
        "entropy": "eV/K",
        "entropy_parts": "eV/K",
        "gibbs_energy": "eV, potential and zero-point energy included",
        "low_frequency_cutoff": "cm⁻¹",
        "spin": "ħ",
    }

    @property
    def energy(self) -> float:
        """eV, potential energy of the structure."""
        return float(self.structure.get_potential_energy())

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """``[M]`` cm⁻¹ in ascending order, imaginary ones negative."""
        return self.modes.frequencies

    @property
    def zero_point_energy(self) -> float:
        """eV, imaginary modes left out."""
        return self.modes.zero_point_energy

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "structure": self.structure.get_chemical_formula(),
            "energy": self.energy,
            "max_force": self.max_force,
            "stable": not self.imaginary_modes,
            "imaginary_modes": [asdict(mode) for mode in self.imaginary_modes],
            "geometry": self.geometry,
            "point_group": self.point_group,
            "frequencies": self.frequencies,
            "quanta": self.frequencies * units.invcm,
            "reduced_masses": self.modes.reduced_masses,
            "rigid_frequencies": self.modes.rigid,
            "zero_point_energy": self.zero_point_energy,
            "thermochemistry": asdict(self.thermo),
            "indices": self.indices,
            "displacement": self.displacement,
            "num_displacements": 6 * len(self.indices),
            "num_reused": self.num_reused,
            "asymmetry": self.hessian.asymmetry,
        }
