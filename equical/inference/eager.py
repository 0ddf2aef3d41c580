"""The plain way to execute a model: build the graph, call the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from equical.model import Potential
from equical.prediction import Prediction

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["EagerEvaluator"]


class EagerEvaluator:
    """Evaluates one structure after the other, remembering nothing between them.

    Args:
        potential: the force field, on the device it shall run on.
    """

    def __init__(self, potential: Potential):
        self.potential = potential

    def evaluate(self, atoms: Atoms, *, forces: bool, stress: bool) -> Prediction:
        """Energy of a structure, and forces and stress where wanted.

        Positions and cell stay in float64 until the vectors between neighbours are known, so that atoms far from the
        origin are described as well as those close to it.

        Raises:
            InputError: as :func:`equical.neighbors.neighbor_list`.
        """
        # A caller in inference mode would otherwise get no forces.
        with torch.inference_mode(False):
            graph = self.potential.graph(atoms, dtype=torch.float64).to(self.potential.reference_energies.device)
            return self.potential.predict(graph, forces=forces, stress=stress)
