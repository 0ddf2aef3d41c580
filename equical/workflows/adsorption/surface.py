"""What configurations have in common: the relaxed slab with its sites, and the gas molecules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.build import build_slab
from equical.workflows.adsorption.coverage import spread_cell
from equical.workflows.adsorption.plan import Plan
from equical.workflows.adsorption.references import Stoichiometry, gas_molecule
from equical.workflows.adsorption.relaxer import CalculationError, Relaxed, Relaxer
from equical.workflows.adsorption.result import Reference
from equical.workflows.adsorption.sites import SiteClass, find_sites
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

__all__ = ["BULK_FMAX", "Gases", "RelaxedBulk", "Surface", "relax_bulk", "relax_surface"]

BULK_FMAX = 0.005
"""eV/Å. A strained bulk would strain every slab cut from it."""


@dataclass(frozen=True)
class RelaxedBulk:
    """The crystal that slabs are cut from.

    Attributes:
        crystal: to be cut.
        relaxed: the same, where it was relaxed; None where it is used as it came.
        converged: whether that relaxation converged.
    """

    crystal: Atoms
    relaxed: Atoms | None
    converged: bool


@dataclass(frozen=True)
class Surface:
    """A bare slab.

    Attributes:
        bulk: what it was cut from, relaxed; None for a given slab.
        start: before its relaxation.
        slab: relaxed, unless the calculator predicts adsorption energies.
        energy: eV; None where the calculator predicts adsorption energies.
        converged: whether slab and bulk converged.
        symmetry: its operations.
        sites: classes of equivalent sites.
    """

    bulk: Atoms | None
    start: Atoms
    slab: Atoms
    energy: float | None
    converged: bool
    symmetry: SurfaceSymmetry
    sites: tuple[SiteClass, ...]

    def adsorption_energy(self, energy: float, references: Sequence[Reference]) -> float:
        """eV: what is left of the energy of slab and adsorbate."""
        if self.energy is None:
            return energy
        return energy - self.energy - sum(float(one.number) * one.energy for one in references)


class Gases:
    """Gas molecules, each relaxed once however many adsorbates are made of it."""

    def __init__(self, relaxer: Relaxer) -> None:
        """Relax them with ``relaxer``."""
        self._relaxer = relaxer
        self._known: dict[str, Reference] = {}

    def references(self, stoichiometry: Stoichiometry, species: Adsorbate) -> tuple[Reference, ...]:
        """The molecules that make an adsorbate, relaxed.

        Raises:
            InputError: one cannot be calculated.
        """
        found = []
        for name, number in stoichiometry.items():
            if name not in self._known:
                relaxed = _must(
                    f"the reference molecule {name}",
                    self._relaxer,
                    f"gas-{name.replace('/', '_')}",
                    gas_molecule(name, species),
                )
                self._known[name] = Reference(name, number, relaxed.energy, relaxed.converged, relaxed.atoms)
            found.append(replace(self._known[name], number=number))
        return tuple(found)


def relax_bulk(plan: Plan, relaxer: Relaxer) -> RelaxedBulk | None:
    """The crystal to cut slabs from, relaxed where the recipe says so; None for a given slab.

    Raises:
        InputError: it cannot be calculated.
    """
    if plan.recipe is None:
        return None
    assert plan.bulk is not None
    crystal = plan.bulk.crystal
    if not plan.recipe.relax:
        return RelaxedBulk(crystal, None, True)
    relaxed = _must("the bulk crystal", relaxer, "bulk", crystal, cell="free", symmetry=True, fmax=BULK_FMAX)
    return RelaxedBulk(relaxed.atoms, relaxed.atoms, relaxed.converged)


def relax_surface(plan: Plan, bulk: RelaxedBulk | None, relaxer: Relaxer, cells: int | None = None) -> Surface:
    """The bare slab, cut from the bulk or as it was given, relaxed, with its sites.

    Args:
        plan: of the run.
        bulk: what to cut it from.
        relaxer: of the run.
        cells: how many of the smallest cells to make one of; None for the size that the recipe has.

    Raises:
        InputError: it cannot be calculated.
    """
    start = plan.given
    if plan.recipe is not None:
        assert bulk is not None
        start = standard_slab(build_slab(plan.recipe, bulk.crystal))
        start = freeze_bottom(start if cells is None else spread_cell(start, cells), plan.freeze)
    assert start is not None
    slab, energy, converged = start, None, bulk is None or bulk.converged
    if plan.energy_kind == "total":
        relaxed = _must("the bare slab", relaxer, "slab" if cells is None else f"slab-{cells}", start)
        slab, energy, converged = relaxed.atoms, relaxed.energy, converged and relaxed.converged
    symmetry = SurfaceSymmetry.of(slab)
    sites = find_sites(slab, symmetry)
    return Surface(bulk and bulk.relaxed, start, slab, energy, converged, symmetry, sites)


def _must(what: str, relaxer: Relaxer, name: str, atoms: Atoms, **options: object) -> Relaxed:
    """Relax something without which there is no adsorption energy at all."""
    try:
        return relaxer(name, atoms, **options)
    except CalculationError as error:
        raise InputError(f"cannot calculate {what} ({atoms.get_chemical_formula()}): {error}") from error
