"""What a conversion came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from equical.model.potential import EnergyKind
from equical.workflows.common.result import Result

__all__ = ["ConversionResult"]


@dataclass(frozen=True, kw_only=True)
class ConversionResult(Result):
    """A published checkpoint that has become a model folder.

    Attributes:
        model: name of the model class in the file.
        layout: how the file was laid out.
        num_parameters: trained numbers of the network.
        elements: atomic numbers that the model covers.
        energy_kind: total energies, or adsorption energies relative to clean slab and gas.
        conservative: whether forces are the gradient of the energy.
        output: the model folder, for :class:`equical.EquiCalc`.
        warnings: what to know before trusting the numbers, one sentence each.
        converged, wall_time: see :class:`.Result`.
    """

    model: str
    layout: str
    num_parameters: int
    elements: tuple[int, ...]
    energy_kind: EnergyKind
    conservative: bool

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "model": self.model,
            "layout": self.layout,
            "num_parameters": self.num_parameters,
            "elements": self.elements,
            "energy_kind": self.energy_kind,
            "conservative": self.conservative,
        }
