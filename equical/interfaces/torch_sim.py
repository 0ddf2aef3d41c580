"""The calculator as a model of torch-sim, which moves many systems at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from torch import Tensor

from equical.calculator import EquiCalc
from equical.errors import InputError
from equical.inference.devices import find_dtype

if TYPE_CHECKING:
    from torch_sim.models.interface import ModelInterface
    from torch_sim.state import SimState

__all__ = ["torch_sim_model"]


def torch_sim_model(calculator: EquiCalc) -> ModelInterface:
    """A model for torch-sim's integrators, optimizers and batches.

    ::

        model = torch_sim_model(EquiCalc("metals-pbe"))
        final = torch_sim.optimize(system=structures, model=model, optimizer=torch_sim.optimizers.fire)

    Energies (systems,), eV, forces (atoms, 3), eV/Å, and stresses (systems, 3, 3), eV/Å³ in ASE's sign, are those of
    the calculator: without gradients, in its precision and on its device. Systems are evaluated together as
    :meth:`~equical.calculator.EquiCalc.batch` does, neighbour lists on the host.

    Args:
        calculator: of the energy; its results as an ASE calculator stay as they are.

    Raises:
        InputError: torch-sim is not installed. Later, from a step: a system that cannot be evaluated, by its number.
    """
    try:
        from torch_sim.models.interface import ModelInterface
    except ImportError:
        raise InputError("torch-sim is not installed here: pip install 'equical[torch-sim]'.") from None
    return type("EquicalModel", (ModelPart, ModelInterface), {})(calculator)


class ModelPart:
    """What is ours in the model; the rest is torch-sim's ``ModelInterface``, a module, which needs not be installed."""

    def __init__(self, calculator: EquiCalc):
        super().__init__()
        self.calculator = calculator
        self._device = torch.device(calculator.parameters["device"])
        self._dtype = find_dtype(calculator.parameters["dtype"])
        self._memory_scales_with = "n_atoms_x_density"
        self._compute_forces = True
        self._compute_stress = "stress" in calculator.implemented_properties

    @property
    def compute_forces(self) -> bool:
        """Whether forces are computed."""
        return self._compute_forces

    @compute_forces.setter
    def compute_forces(self, wanted: bool) -> None:
        self._compute_forces = wanted

    @property
    def compute_stress(self) -> bool:
        """Whether stresses are computed."""
        return self._compute_stress

    @compute_stress.setter
    def compute_stress(self, wanted: bool) -> None:
        if wanted and "stress" not in self.calculator.implemented_properties:
            raise NotImplementedError("This model predicts no stress.")  # as torch-sim asks whether it does
        self._compute_stress = wanted

    def forward(self, state: SimState | Mapping[str, Any], **_: Any) -> dict[str, Tensor]:
        """Evaluate every system of a state, or of a mapping with its tensors."""
        systems = _systems(state)
        wanted = ["energy"] + ["forces"] * self._compute_forces + ["stress"] * self._compute_stress
        found = self.calculator.batch(systems, wanted)
        for number, one in enumerate(found):
            if one.error is not None:
                raise InputError(f"System {number} cannot be evaluated: {one.error}")
        results = {"energy": self._tensor([one.results["energy"] for one in found])}
        if self._compute_forces:
            results["forces"] = self._tensor(np.concatenate([one.results["forces"] for one in found]))
        if self._compute_stress:  # no volume, no stress
            nothing = np.full(6, np.nan)
            stresses = [voigt_6_to_full_3x3_stress(one.results.get("stress", nothing)) for one in found]
            results["stress"] = self._tensor(np.stack(stresses))
        return results

    def _tensor(self, values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=self._dtype, device=self._device)


def _systems(state: SimState | Mapping[str, Any]) -> list[Atoms]:
    """Structures of ASE; torch-sim has lattice vectors as columns, and one periodicity for all systems."""
    values = state if isinstance(state, Mapping) else vars(state)
    names = ("positions", "atomic_numbers", "cell", "pbc")
    positions, numbers, cells, periodic = (torch.as_tensor(values[name]).detach().cpu().numpy() for name in names)
    system = values.get("system_idx")
    counts = [len(numbers)] if system is None else torch.bincount(system).tolist()
    parts = np.split(np.arange(len(numbers)), np.cumsum(counts)[:-1])
    return [
        Atoms(numbers[part], positions[part], cell=cell.T, pbc=periodic)
        for part, cell in zip(parts, cells.reshape(-1, 3, 3), strict=True)
    ]
