"""What phonons over volumes tell about a crystal at a temperature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.qha.equilibrium import Equilibrium

__all__ = ["QhaResult"]


@dataclass(frozen=True, kw_only=True)
class QhaResult(Result):
    """A crystal in the quasi-harmonic approximation.

    Attributes:
        temperatures: ``[T]`` K.
        equilibrium: volume, thermal expansion, bulk modulus, Gibbs energy and heat capacities at each of them.
        form: equation of state of the free energy.
        pressure: GPa.
        ratios: ``[P]`` volumes relative to that of the relaxed crystal.
        volumes: ``[P]`` Å³ per atom.
        energies: ``[P]`` eV per atom, of the crystal at rest.
        zero_point_energies: ``[P]`` eV per atom.
        helmholtz: ``[T, P]`` eV per atom, energy at rest plus free energy of the vibrations.
        structures: ``[P]`` the crystal at each volume, ions and shape relaxed, with its energy.
        supercell: repeats of the crystal along its three vectors, in which phonons were computed.
        supercell_width: Å, least distance between opposite faces of the smallest supercell.
        space_group: symbol and number of the relaxed crystal.
        num_displacements: of displaced supercells, all volumes together.
        num_reused: how many calculations were found from an interrupted run.
        converged: every relaxation reached its limits.
        warnings, wall_time, output: see :class:`.Result`.
    """

    temperatures: NDArray[np.float64] = field(repr=False)
    equilibrium: Equilibrium = field(repr=False)
    form: str
    pressure: float
    ratios: NDArray[np.float64] = field(repr=False)
    volumes: NDArray[np.float64] = field(repr=False)
    energies: NDArray[np.float64] = field(repr=False)
    zero_point_energies: NDArray[np.float64] = field(repr=False)
    helmholtz: NDArray[np.float64] = field(repr=False)
    structures: list[Atoms] = field(repr=False)
    supercell: tuple[int, int, int]
    supercell_width: float
    space_group: str
    num_displacements: int
    num_reused: int

    UNITS: ClassVar[Mapping[str, str]] = {
        "temperatures": "K",
        "volume": "Å³ per atom",
        "thermal_expansion": "1/K, of the volume",
        "bulk_modulus": "GPa, isothermal",
        "gibbs_energy": "eV per atom",
        "heat_capacity_p": "J/K per mole of atoms",
        "heat_capacity_v": "J/K per mole of atoms",
        "gruneisen": "1",
        "pressure": "GPa",
        "ratios": "1, of the relaxed crystal's volume",
        "volumes": "Å³ per atom",
        "energies": "eV per atom",
        "zero_point_energies": "eV per atom",
        "supercell_width": "Å",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return asdict(self.equilibrium) | {
            "temperatures": self.temperatures,
            "form": self.form,
            "pressure": self.pressure,
            "ratios": self.ratios,
            "volumes": self.volumes,
            "energies": self.energies,
            "zero_point_energies": self.zero_point_energies,
            "supercell": self.supercell,
            "supercell_width": self.supercell_width,
            "space_group": self.space_group,
            "num_atoms": len(self.structures[0]),
            "num_displacements": self.num_displacements,
            "num_reused": self.num_reused,
        }
