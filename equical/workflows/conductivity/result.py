"""What heat a crystal conducts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.conductivity.settings import Method
from equical.workflows.conductivity.transport import Transport

if TYPE_CHECKING:
    from phono3py import Phono3py

__all__ = ["ConductivityResult"]


@dataclass(frozen=True, kw_only=True)
class ConductivityResult(Result):
    """Lattice thermal conductivity of a crystal.

    Attributes:
        structure: the relaxed crystal.
        temperatures: ``[T]`` K.
        method: ``"rta"`` or ``"lbte"``.
        isotopes: whether phonons scatter at isotopes, too.
        transport: on the mesh asked for: conductivity, and each mode's share of it.
        coarser: on a mesh of three quarters of that length; None where it would be the same mesh.
        supercell: repeats of the crystal for second-order force constants.
        third_order_supercell: ... and for those of third order.
        third_order_width: Å, least distance between opposite faces of the latter.
        space_group: symbol and number.
        max_frequency: THz.
        num_displacements: of displaced supercells, both orders together.
        num_reused: how many calculations were found from an interrupted run.
        phono3py: with all of it, to go on from.
        converged: the relaxation reached its limits.
        warnings, wall_time, output: see :class:`.Result`.
    """

    structure: Atoms = field(repr=False)
    temperatures: NDArray[np.float64] = field(repr=False)
    method: Method
    isotopes: bool
    transport: Transport = field(repr=False)
    coarser: Transport | None = field(repr=False)
    supercell: tuple[int, int, int]
    third_order_supercell: tuple[int, int, int]
    third_order_width: float
    space_group: str
    max_frequency: float
    num_displacements: int
    num_reused: int
    phono3py: Phono3py = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = {
        "temperatures": "K",
        "kappa": "W/m/K, tensor in the axes of the crystal",
        "kappa_mean": "W/m/K, a third of the trace",
        "kappa_rta_mean": "W/m/K, a third of the trace, in the relaxation-time approximation",
        "kappa_mean_coarser": "W/m/K, on the coarser mesh",
        "third_order_width": "Å",
        "max_frequency": "THz",
    }

    @property
    def kappa(self) -> NDArray[np.float64]:
        """``[T, 3, 3]`` W/m/K, in the axes of the crystal as given."""
        return self.transport.kappa

    @property
    def room(self) -> int:
        """Index of the temperature that is nearest to 300 K."""
        return int(np.argmin(abs(self.temperatures - 300)))

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "temperatures": self.temperatures,
            "kappa": self.kappa,
            "kappa_mean": self.transport.mean,
            "kappa_rta_mean": np.trace(self.transport.kappa_rta, axis1=1, axis2=2) / 3,
            "kappa_mean_coarser": None if self.coarser is None else self.coarser.mean,
            "method": self.method,
            "isotopes": self.isotopes,
            "mesh_numbers": self.transport.mesh,
            "mesh_numbers_coarser": None if self.coarser is None else self.coarser.mesh,
            "supercell": self.supercell,
            "third_order_supercell": self.third_order_supercell,
            "third_order_width": self.third_order_width,
            "space_group": self.space_group,
            "max_frequency": self.max_frequency,
            "num_displacements": self.num_displacements,
            "num_reused": self.num_reused,
        }
