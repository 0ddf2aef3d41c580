"""What a model says about a batch of structures."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Prediction"]


@dataclass(frozen=True)
class Prediction:
    """Energies and their derivatives, in ASE's units and signs.

    Attributes:
        energy: ``[B]`` eV, float64. Energy of each structure, reference energies included.
        atom_energies: ``[N]`` eV, float64. Contribution of each atom; sums to ``energy``.
        forces: ``[N, 3]`` eV/Å, minus the gradient of the energy, or the output of a force head.
        stress: ``[B, 3, 3]`` eV/Å³, symmetric, the derivative of the energy with respect to strain divided by the
            volume: negative where the crystal wants to expand. Not a number where a structure has no volume.
        noise: ``[N, 3]`` in units of the noise scale, from the denoising head of a DeNS model.
    """

    energy: Tensor
    atom_energies: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None
    noise: Tensor | None = None
