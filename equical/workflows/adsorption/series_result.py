"""What a series of adsorption runs found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from equical.workflows.adsorption.result import AdsorptionResult
from equical.workflows.common.result import Result

__all__ = ["AdsorptionSeriesResult", "SeriesFailure"]


@dataclass(frozen=True)
class SeriesFailure:
    """One adsorbate of a series of which nothing came.

    Attributes:
        name: of the case, which is that of its folder.
        reason: one line.
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AdsorptionSeriesResult(Result):
    """Several adsorbates on one surface; bulk, slab and gas molecules are the same calculations for all of them.

    Attributes:
        results: by name of the case, in the order they were asked for; those that failed are left out.
        failures: of which nothing came.
        converged: whether all results converged, and none failed.
        warnings, wall_time, output: see :class:`.Result`.
    """

    results: Mapping[str, AdsorptionResult]
    failures: tuple[SeriesFailure, ...]

    UNITS: ClassVar[Mapping[str, str]] = {
        "coverage": "adsorbates per surface atom",
        "adsorption_energy": "eV per adsorbate, negative where adsorption is exothermic",
        "gibbs_energy": "eV per adsorbate, of adsorption",
        "references": "eV",
        "slab_energy": "eV",
    }

    def rows(self) -> list[dict[str, Any]]:
        """The best configuration of each result, as a row of a table; None where there is none."""
        return [_row(name, result) for name, result in self.results.items()]

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        gases = {one.name: one.energy for result in self.results.values() for one in result.references}
        return {
            "references": gases,
            "results": self.rows(),
            "failures": [vars(failure) for failure in self.failures],
        }


def _row(name: str, result: AdsorptionResult) -> dict[str, Any]:
    best = result.best
    return {
        "name": name,
        "adsorbate": result.adsorbate,
        "coverage": result.coverage,
        "reference": result.stoichiometry or None,
        "slab_energy": result.slab_energy,
        "best": best and best.name,
        "final_site": best and best.final_site,
        "adsorption_energy": best and best.adsorption_energy,
        "gibbs_energy": result.thermo and result.thermo.gibbs_energy,
        "converged": result.converged,
        "outside": best and best.outside,
    }
