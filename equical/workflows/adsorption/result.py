"""What an adsorption run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from math import nan
from typing import Any, ClassVar

from ase import Atoms

from equical.workflows.adsorption.references import format_reference
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.sites import SiteClass
from equical.workflows.adsorption.thermo import AdsorptionThermo
from equical.workflows.common.result import Result

__all__ = ["SAME_ENERGY", "AdsorptionResult", "Configuration", "Reference", "all_converged"]

SAME_ENERGY = 0.01
"""eV. Relaxations that end this close together may have found the same minimum."""


@dataclass(frozen=True)
class Reference:
    """A gas molecule that adsorption energies are counted from.

    Attributes:
        name: such as ``"H2O"``.
        number: how many of it make one adsorbate.
        energy: eV, of one molecule relaxed in a box.
        converged: whether that relaxation converged.
        atoms: the relaxed molecule.
    """

    name: str
    number: Fraction
    energy: float
    converged: bool
    atoms: Atoms = field(repr=False)


@dataclass(frozen=True)
class Configuration:
    """One adsorbate on one site in one orientation, relaxed.

    Attributes:
        name: unique in the run, such as ``"bridge-Pt2_az90"`` or ``"random-7"``.
        site: name of the class of sites it was put on, or near to.
        tilt: degrees, about an axis in the surface plane; NaN where it was turned at random.
        azimuth: degrees, about the surface normal; NaN where it was turned at random.
        random: whether it was put anywhere on the surface, and not on a site.
        atoms: relaxed slab and adsorbate with energy and forces; as placed where the calculation failed.
        energy: eV, of slab and adsorbate; NaN where the calculation failed.
        adsorption_energy: eV, negative where adsorption is exothermic; NaN where the calculation failed.
        max_force: eV/Å, largest force left.
        steps: optimizer steps taken.
        converged: whether forces fell below the threshold.
        final_site: name of the class of sites above which it ended up.
        height: Å, of the binding atoms above that site of the bare slab, along its normal.
        shortest_bond: Å, between adsorbate and slab.
        anomalies: why it is not what it was meant to be (see :class:`AdsorbateFate`); ``"not converged"``,
            ``"given up"`` and ``"failed"`` included. Only configurations without any are ranked.
        given_up: why a random one was not relaxed to its end: ``"desorbed"``, ``"dissociated"``, or ``"far above the
            best"`` of the sites.
        same_as: name of the ranked configuration that a random one has become; such a one is not ranked.
        rank: 1 for the most stable; None where it is not ranked.
        error: what the calculator complained of, where the calculation failed.
        outside: why, as relaxed, it lies outside what the model knows; None where it does not, or the calculator does
            not tell.
    """

    name: str
    site: str
    tilt: float
    azimuth: float
    atoms: Atoms = field(repr=False)
    energy: float = nan
    adsorption_energy: float = nan
    max_force: float = nan
    steps: int = 0
    converged: bool = False
    final_site: str | None = None
    height: float = nan
    shortest_bond: float = nan
    anomalies: tuple[str, ...] = ()
    rank: int | None = None
    error: str | None = None
    random: bool = False
    given_up: str | None = None
    same_as: str | None = None
    outside: str | None = None


@dataclass(frozen=True, kw_only=True)
class AdsorptionResult(Result):
    """Adsorption energies of one adsorbate on one slab.

    Attributes:
        adsorbate: its name.
        energy_kind: ``"total"``, or ``"adsorption"`` where the model predicts adsorption energies as such.
        references: what the energies are counted from; empty where the model knows by itself.
        slab: the bare slab, relaxed unless the model predicts adsorption energies, constraints included.
        slab_energy: eV; None where the model predicts adsorption energies.
        slab_converged: whether the relaxations of the slab, and of the bulk it was cut from, converged.
        bulk: the crystal that the slab was cut from, relaxed; None for a given slab.
        surface_atoms: number of atoms in the cell that form the surface; the coverage is one adsorbate on these.
        sites: classes of equivalent sites on the surface, those not tried included.
        configurations: ranked ones first, the most stable at the top; then the others by energy.
        settings: how it was done.
        thermo: enthalpy, entropy and Gibbs energy of adsorption of the best configuration, where they were asked for.
        converged: whether slab, references and all configurations that were not given up converged, and at least one
            is without anomalies.
        warnings, wall_time, output: see :class:`.Result`.
    """

    adsorbate: str
    energy_kind: str
    references: tuple[Reference, ...]
    slab: Atoms = field(repr=False)
    slab_energy: float | None
    slab_converged: bool
    bulk: Atoms | None = field(repr=False)
    surface_atoms: int
    sites: tuple[SiteClass, ...] = field(repr=False)
    configurations: tuple[Configuration, ...]
    settings: AdsorptionSettings
    thermo: AdsorptionThermo | None = None

    UNITS: ClassVar[Mapping[str, str]] = {
        "adsorption_energy": "eV per adsorbate, negative where adsorption is exothermic",
        "energy": "eV",
        "slab_energy": "eV",
        "max_force": "eV/Å",
        "fmax": "eV/Å",
        "height": "Å",
        "shortest_bond": "Å",
        "lattice_parameters": "Å and degrees",
        "tilt": "degrees",
        "azimuth": "degrees",
        "azimuths": "degrees",
        "thermo": "K and bar",
        "temperature": "K",
        "pressure": "bar",
        "zero_point_energy": "eV, change by adsorption",
        "internal_energy": "eV, potential and zero-point energy included",
        "enthalpy": "eV, of adsorption; of adsorbate and gases with potential and zero-point energy",
        "entropy": "eV/K, change by adsorption; of adsorbate and gases their own",
        "entropy_parts": "eV/K",
        "gibbs_energy": "eV, of adsorption; of adsorbate and gases with potential and zero-point energy",
        "low_frequency_cutoff": "cm⁻¹",
        "spin": "ħ",
    }

    @property
    def best(self) -> Configuration | None:
        """The most stable configuration without anomalies; None where there is none."""
        first = self.configurations[0]
        return first if first.rank else None

    @property
    def coverage(self) -> float:
        """Adsorbates per surface atom."""
        return 1 / self.surface_atoms

    @property
    def stoichiometry(self) -> str:
        """The reference as a sum of molecules, such as ``"H2O − H2"``."""
        return format_reference({reference.name: reference.number for reference in self.references})

    @property
    def equation(self) -> str:
        """How adsorption energies come about, in words."""
        if self.energy_kind == "adsorption":
            return "E_ads = energy of the model, which predicts adsorption energies with references of its own"
        terms = format_reference({f"E({r.name})": r.number for r in self.references})
        if len(self.references) > 1 or terms.startswith("−"):
            terms = f"[{terms}]"
        return f"E_ads = E(slab + {self.adsorbate}) − E(slab) − {terms}"

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "adsorbate": self.adsorbate,
            "energy_kind": self.energy_kind,
            "equation": self.equation,
            "references": [
                {"name": r.name, "number": str(r.number), "energy": r.energy, "converged": r.converged}
                for r in self.references
            ],
            "slab": _slab_json(self),
            "best": self.best.name if self.best else None,
            "configurations": [_configuration_json(configuration) for configuration in self.configurations],
            "thermochemistry": self.thermo and asdict(self.thermo),
            "sites": {site.name: len(site.sites) for site in self.sites},
            "settings": self.settings.to_json(),
        }


def all_converged(
    slab_converged: bool, references: Sequence[Reference], configurations: Sequence[Configuration]
) -> bool:
    """Whether slab, references and all configurations came to their end, and at least one is without anomalies."""
    ended = [one.converged or one.given_up is not None for one in configurations]
    return slab_converged and all([*(one.converged for one in references), *ended, any(c.rank for c in configurations)])


def _slab_json(result: AdsorptionResult) -> dict[str, Any]:
    bulk = None if result.bulk is None else result.bulk.cell.cellpar().tolist()
    return {
        "formula": result.slab.get_chemical_formula(),
        "slab_energy": result.slab_energy,
        "converged": result.slab_converged,
        "surface_atoms": result.surface_atoms,
        "frozen_atoms": sorted({int(i) for c in result.slab.constraints for i in c.get_indices()}),
        "bulk": bulk and {"lattice_parameters": bulk},
    }


def _configuration_json(configuration: Configuration) -> Mapping[str, Any]:
    return {name: value for name, value in vars(configuration).items() if name != "atoms"}
