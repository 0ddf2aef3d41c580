"""From the network's own units to physical ones."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from equical.so3.tensors import symmetric_tensor_basis

__all__ = ["Scales"]


@dataclass(frozen=True)
class Scales:
    """value = scale · output + mean, as models were trained with it.

    Attributes:
        energy: eV.
        energy_mean: eV for each structure.
        forces: eV/Å, of a force head; forces that are gradients take the scale of the energy.
        forces_mean: eV/Å, added to every component.
        stress: eV/Å³, of the isotropic part of the output of a stress head.
        stress_mean: eV/Å³.
        anisotropic_stress: eV/Å³, of the traceless part.
        anisotropic_stress_mean: eV/Å³, added to each of its five components. Not zero in some published models,
            whose stress therefore does not turn with the crystal.
        noise: Å, one unit of the output of the noise head.
    """

    energy: float = 1.0
    energy_mean: float = 0.0
    forces: float = 1.0
    forces_mean: float = 0.0
    stress: float = 1.0
    stress_mean: float = 0.0
    anisotropic_stress: float = 1.0
    anisotropic_stress_mean: float = 0.0
    noise: float = 1.0

    @classmethod
    def uniform(cls, scale: float) -> Self:
        """One scale for energy, forces and stress, so that direct ones stay consistent with gradients."""
        return cls(energy=scale, forces=scale, stress=scale, anisotropic_stress=scale)

    def stress_offset(self) -> Tensor:
        """``[3, 3]`` eV/Å³, float64: the means of both parts as a tensor."""
        basis = symmetric_tensor_basis()
        return self.stress_mean * basis[0] + self.anisotropic_stress_mean * basis[4:].sum(dim=0)
