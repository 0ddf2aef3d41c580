"""What displaced supercells tell about vibrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.phonon.forces import ForceConstants
from equical.workflows.phonon.modes import ImaginaryMode, ThermalProperties
from equical.workflows.phonon.projections import AtomicVibrations

if TYPE_CHECKING:
    from phonopy import Phonopy

__all__ = ["PhononResult"]


@dataclass(frozen=True, kw_only=True)
class PhononResult(Result):
    """Phonons of a crystal. Imaginary frequencies are negative numbers.

    Attributes:
        structure: the crystal, relaxed if asked.
        displacement: Å, of the atoms in the supercells.
        max_force: eV/Å, its largest force.
        supercell: repeats of it along its three vectors.
        supercell_width: Å, least distance between opposite faces of the supercell.
        space_group: symbol and number.
        num_displacements: number of displaced supercells.
        num_reused: how many calculations were found from an interrupted run.
        band_segments: ``[(start, end)]`` labels of each segment of the band path.
        band_qpoints: for each segment ``[Q, 3]`` in the basis of the primitive cell's reciprocal vectors.
        band_frequencies: for each segment ``[Q, B]`` THz.
        band_velocities: for each segment ``[Q, B, 3]`` m/s, group velocities in the Cartesian axes of the input.
        dos_frequencies: ``[F]`` THz.
        dos: ``[F]`` states per THz and primitive cell.
        thermal: free energy, entropy and heat capacity per atom.
        atomic: density of states and mean-square displacements of each atom of the primitive cell.
        imaginary_modes: the worst of each band in each place, in ascending order of frequency; none where the crystal
            is dynamically stable.
        force_constants: residual force, and violation of the acoustic sum rule before it was imposed.
        converged: the structure has no force above 1e-3 eV/Å.
        phonopy: the ``Phonopy`` object, for whatever else phonopy can do.
        warnings, wall_time, output: see :class:`.Result`.
    """

    structure: Atoms = field(repr=False)
    displacement: float
    max_force: float
    supercell: tuple[int, int, int]
    supercell_width: float
    space_group: str
    num_displacements: int
    num_reused: int
    band_segments: list[tuple[str, str]] = field(repr=False)
    band_qpoints: list[NDArray[np.float64]] = field(repr=False)
    band_frequencies: list[NDArray[np.float64]] = field(repr=False)
    band_velocities: list[NDArray[np.float64]] = field(repr=False)
    dos_frequencies: NDArray[np.float64] = field(repr=False)
    dos: NDArray[np.float64] = field(repr=False)
    thermal: ThermalProperties = field(repr=False)
    atomic: AtomicVibrations = field(repr=False)
    imaginary_modes: list[ImaginaryMode]
    force_constants: ForceConstants
    phonopy: Phonopy = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = {
        "max_force": "eV/Å",
        "residual_force": "eV/Å",
        "supercell_width": "Å",
        "displacement": "Å",
        "sum_rule_violation": "eV/Å²",
        "max_frequency": "THz",
        "min_frequency": "THz",
        "frequency": "THz",
        "q": "basis of the primitive cell's reciprocal vectors",
        "temperatures": "K",
        "free_energy": "eV per atom",
        "entropy": "J/K per mole of atoms",
        "heat_capacity": "J/K per mole of atoms",
        "zero_point_energy": "eV per atom",
        "mean_square_displacements": "Å², summed over the three directions, for each atom of the primitive cell",
        "max_group_velocity": "m/s",
        "left_out": "1, of the modes",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        bands = np.concatenate(self.band_frequencies)
        return {
            "stable": not self.imaginary_modes,
            "imaginary_modes": [asdict(mode) for mode in self.imaginary_modes],
            "min_frequency": bands.min(),
            "max_frequency": bands.max(),
            "max_group_velocity": max(np.linalg.norm(found, axis=2).max() for found in self.band_velocities),
            "symbols": self.atomic.symbols,
            "mean_square_displacements": self.atomic.mean_square_displacements,
            "max_force": self.max_force,
            "residual_force": self.force_constants.residual_force,
            "sum_rule_violation": self.force_constants.sum_rule_violation,
            "supercell": self.supercell,
            "supercell_width": self.supercell_width,
            "displacement": self.displacement,
            "num_displacements": self.num_displacements,
            "num_reused": self.num_reused,
            "space_group": self.space_group,
        } | asdict(self.thermal)
