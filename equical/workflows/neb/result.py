"""What a band found between two structures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.utils.forcecurve import ForceFit
from numpy.typing import NDArray

from equical.workflows.common.result import Result
from equical.workflows.neb.settings import NebSettings

__all__ = ["NebResult"]


@dataclass(frozen=True, kw_only=True)
class NebResult(Result):
    """A path of least energy between two structures, and the barrier on it.

    Attributes:
        images: ``[P]`` structures from the initial to the final one, with energies and forces attached; atoms keep
            their order, and never jump by a lattice vector.
        lengths: ``[P]`` Å, along the path.
        max_force: eV/Å, largest force on the band; along the path it is that of the springs, and turned round at the
            image that climbs.
        end_forces: eV/Å, largest force in the initial and in the final structure, constraints applied.
        climbing: whether the highest image has climbed.
        fit: ASE's spline through energies and forces: ``fit_path`` in Å, and ``fit_energies`` in eV above the initial
            structure.
        steps: of the band, those before a resumed run included.
        settings: how it was pulled.
        converged: forces are small enough, and the highest image has climbed if it is to and can.
        warnings, wall_time, output: see :class:`.Result`.
    """

    images: tuple[Atoms, ...] = field(repr=False)
    lengths: NDArray[np.float64] = field(repr=False)
    max_force: float
    end_forces: tuple[float, float]
    climbing: bool
    fit: ForceFit = field(repr=False)
    steps: int
    settings: NebSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "barrier": "eV, from the initial structure to the highest point",
        "reverse_barrier": "eV, from the final structure to the highest point",
        "reaction_energy": "eV, final minus initial",
        "spline_barrier": "eV, from the initial structure to the highest point of the spline",
        "energies": "eV",
        "lengths": "Å along the path",
        "max_force": "eV/Å",
        "end_forces": "eV/Å",
        "spring": "eV/Å²",
        "fmax": "eV/Å",
    }

    @property
    def energies(self) -> NDArray[np.float64]:
        """``[P]`` eV, of the images."""
        return np.array([image.get_potential_energy() for image in self.images])

    @property
    def highest(self) -> int:
        """Number of the image of highest energy, 0 for the initial structure."""
        return int(self.energies.argmax())

    @property
    def has_saddle(self) -> bool:
        """Whether an image lies above both ends."""
        return 0 < self.highest < len(self.images) - 1

    @property
    def saddle(self) -> Atoms | None:
        """The highest image; None where no image lies above both ends."""
        return self.images[self.highest] if self.has_saddle else None

    @property
    def barrier(self) -> float:
        """eV, from the initial structure up: to the image that has climbed, or without one to the spline's top."""
        return float(self.energies.max() - self.energies[0]) if self.climbing else self.spline_barrier

    @property
    def reverse_barrier(self) -> float:
        """eV, the same from the final structure."""
        return self.barrier - self.reaction_energy

    @property
    def reaction_energy(self) -> float:
        """eV, of the final structure above the initial one."""
        return float(self.energies[-1] - self.energies[0])

    @property
    def spline_barrier(self) -> float:
        """eV, highest point of the spline above the initial structure."""
        return float(max(self.fit.fit_energies))

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "structure": self.images[0].get_chemical_formula(),
            "num_atoms": len(self.images[0]),
            "barrier": self.barrier,
            "reverse_barrier": self.reverse_barrier,
            "reaction_energy": self.reaction_energy,
            "spline_barrier": self.spline_barrier,
            "has_saddle": self.has_saddle,
            "highest_image": self.highest,
            "climbing": self.climbing,
            "steps": self.steps,
            "max_force": self.max_force,
            "end_forces": self.end_forces,
            "energies": self.energies,
            "lengths": self.lengths,
            "settings": self.settings.to_json(),
        }
