"""Adsorption energies: relax a slab, gas references, and an adsorbate on every kind of site."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import not_
from os import PathLike
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate, adsorbate
from equical.workflows.adsorption.anomalies import look_at
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.bulks import Bulk, find_bulk
from equical.workflows.adsorption.files import ADSORPTION_FILES, write_adsorption
from equical.workflows.adsorption.notes import notes_after, notes_before, notes_on_cut, notes_on_given
from equical.workflows.adsorption.place import AZIMUTHS, Placement, place_all
from equical.workflows.adsorption.references import Stoichiometry, gas_molecule, reference_for
from equical.workflows.adsorption.relaxer import CalculationError, Relaxed, Relaxer
from equical.workflows.adsorption.result import AdsorptionResult, Configuration, Reference, all_converged
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.sites import SiteClass, choose_sites, exposed_atoms, find_sites
from equical.workflows.adsorption.slabs import fixed_atoms, freeze_bottom, standard_slab
from equical.workflows.adsorption.symmetry import SurfaceSymmetry
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import read_structure, resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.surroundings import surroundings_kept

__all__ = ["adsorption_energy"]

BULK_FMAX = 0.005
"""eV/Å. A strained bulk would strain every slab cut from it."""


@formerly(quiet=("progress", not_))
@surroundings_kept()
def adsorption_energy(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    slab: Atoms | str | PathLike[str] | SlabFromBulk,
    adsorbate: Adsorbate | Atoms | str | PathLike[str],
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    reference: str | Mapping[str, float] | None = None,
    sites: Sequence[str] | None = None,
    azimuths: Sequence[float] = AZIMUTHS,
    freeze: int | None = None,
    fmax: float = 0.03,
    steps: int = 300,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> AdsorptionResult:
    """Find where an adsorbate binds to a surface, and how strongly.

    E_ads = E(slab + adsorbate) − E(slab) − Σ n·E(gas molecule), each relaxed with the same calculator; negative where
    adsorption is exothermic. No zero-point or thermal contributions. One configuration that fails stops no other.

    Args:
        slab: slab with its vacuum along the third lattice vector, a structure file, or how to cut one from a crystal.
        adsorbate: a name, or what :func:`adsorbate` made of a molecule.
        calculator: any ASE calculator, the name or folder of a model, or None for the calculator of ``slab`` and,
            without one, the shipped model that is made for the slab with the adsorbate on it.
        reference: gas molecules that make the adsorbate, such as ``"1/2 O2"``; see :func:`reference_for`.
        sites: kinds or names of sites to try (``["hollow"]``, ``["fcc", "top-Pt"]``); None for all.
        azimuths: degrees. Directions to try for adsorbates that are not upright.
        freeze: layers to freeze at the bottom; by default as the slab comes, or the lower half of it.
        fmax: eV/Å. Largest force allowed on an atom that is free to move.
        steps: the most that one relaxation may take.
        output: folder for the results; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; at most one relaxation is done again.
        progress: show a progress bar.

    Raises:
        InputError: unusable slab, adsorbate, reference or folder; or elements that the calculator does not cover.
    """
    began = time.perf_counter()
    settings = AdsorptionSettings(reference, sites, azimuths, freeze, fmax, steps)
    with RunFolder(output, ADSORPTION_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        plan = _plan(slab, adsorbate, calculator, reference, freeze)
        frozen = None if plan.given is None else fixed_atoms(plan.given)
        decisive = {"fmax": fmax, "steps": steps, "freeze": freeze, "frozen": frozen}
        relaxer = Relaxer(plan.calculator, Evaluations(folder, "steps", plan.calculator, decisive), fmax, steps)
        surface = _prepare(plan, freeze, relaxer)
        chosen = choose_sites(surface.sites, sites)
        placements = place_all(surface.slab, plan.adsorbate, chosen, surface.symmetry, azimuths)
        folder.begin("adsorb", settings, plan.calculator, plan.start, adsorbate=plan.adsorbate.name)
        for note in notes_before(surface.slab, plan.adsorbate, placements[0].atoms, surface.start):
            warn(note)
        bar = progress_bar(placements, plan.adsorbate.name, "relaxations", show=progress)
        found = [_configuration(placement, plan.adsorbate, surface, relaxer) for placement in bar]
        if all(configuration.error for configuration in found):
            raise InputError(f"no configuration could be calculated; the first one failed with: {found[0].error}")
        ranked = _ranked(found)
        result = AdsorptionResult(
            adsorbate=plan.adsorbate.name,
            energy_kind=plan.energy_kind,
            references=surface.references,
            slab=surface.slab,
            slab_energy=surface.energy,
            slab_converged=surface.converged,
            bulk=surface.bulk,
            surface_atoms=len(exposed_atoms(surface.slab)),
            sites=surface.sites,
            configurations=ranked,
            settings=settings,
            converged=all_converged(surface.converged, surface.references, ranked),
        )
        for note in notes_after(result):
            warn(note)
        result = replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=folder.path)
        if folder:
            write_adsorption(folder, result, placements)
            folder.finish(result, plan.calculator)
    return result


@dataclass(frozen=True)
class _Plan:
    """What to calculate; ``given`` is a slab ready to be relaxed, else ``recipe`` says how to make one of ``bulk``."""

    adsorbate: Adsorbate
    calculator: BaseCalculator
    energy_kind: str
    stoichiometry: Stoichiometry
    given: Atoms | None
    recipe: SlabFromBulk | None
    bulk: Bulk | None

    @property
    def start(self) -> Atoms:
        """What the slab comes from: the given slab, or the crystal before it is relaxed and cut."""
        if self.given is not None:
            return self.given
        assert self.bulk is not None
        return self.bulk.crystal


@dataclass(frozen=True)
class _Surface:
    """Everything that the configurations have in common; ``start`` is the slab before its relaxation."""

    references: tuple[Reference, ...]
    bulk: Atoms | None
    start: Atoms
    slab: Atoms
    energy: float | None
    converged: bool
    symmetry: SurfaceSymmetry
    sites: tuple[SiteClass, ...]

    def adsorption_energy(self, energy: float) -> float:
        """eV: what is left of the energy of slab and adsorbate."""
        if self.energy is None:
            return energy
        return energy - self.energy - sum(float(r.number) * r.energy for r in self.references)


def _plan(
    slab: Atoms | str | PathLike[str] | SlabFromBulk,
    wanted: Adsorbate | Atoms | str | PathLike[str],
    calculator: BaseCalculator | str | PathLike[str] | None,
    reference: str | Mapping[str, float] | None,
    freeze: int | None,
) -> _Plan:
    """Check all that can be checked before the first calculation."""
    species = adsorbate(wanted)
    recipe = slab if isinstance(slab, SlabFromBulk) else None
    given = bulk = None
    if isinstance(slab, SlabFromBulk):
        bulk = find_bulk(slab.bulk, slab.prototype)
        if bulk.estimated and not slab.relax:
            raise InputError(
                f"the lattice constant of {slab.bulk} is only an estimate: let it relax, without --keep-bulk, or give "
                "a file"
            )
        notes = notes_on_cut(slab, bulk)
    else:
        read = slab if isinstance(slab, Atoms) else read_structure(slab)
        given = freeze_bottom(standard_slab(read), freeze)
        notes = notes_on_given(given)
    for note in notes:
        warn(note)
    surface = given
    if surface is None:
        assert recipe is not None and bulk is not None
        surface = build_slab(recipe, bulk.crystal)
    both = surface + species.atoms  # wherever it stands: the choice of a model asks for elements and vacuum
    calculator = resolve_calculator(calculator, slab if isinstance(slab, Atoms) else None, structures=[both])
    energy_kind = getattr(calculator, "energy_kind", "total")
    if energy_kind == "adsorption":
        if reference is not None:
            raise InputError("this model predicts adsorption energies with its own references: leave out --reference")
        if recipe is not None and recipe.relax:
            raise InputError(
                "this model predicts adsorption energies and cannot relax a bulk crystal: give a relaxed slab with "
                "--slab, or --keep-bulk"
            )
        return _Plan(species, calculator, energy_kind, {}, given, recipe, bulk)
    return _Plan(species, calculator, energy_kind, reference_for(species, reference), given, recipe, bulk)


def _prepare(plan: _Plan, freeze: int | None, relaxer: Relaxer) -> _Surface:
    """Relax the references and the slab, the bulk before it, and look for sites."""
    references = tuple(_gas(name, number, plan, relaxer) for name, number in plan.stoichiometry.items())
    bulk, converged, start = None, True, plan.given
    if plan.recipe is not None:
        assert plan.bulk is not None
        crystal = plan.bulk.crystal
        if plan.recipe.relax:
            relaxed = _must("the bulk crystal", relaxer, "bulk", crystal, cell="free", symmetry=True, fmax=BULK_FMAX)
            bulk, converged = relaxed.atoms, relaxed.converged
        start = freeze_bottom(standard_slab(build_slab(plan.recipe, bulk or crystal)), freeze)
    assert start is not None
    slab, energy = start, None
    if plan.energy_kind == "total":
        relaxed = _must("the bare slab", relaxer, "slab", start)
        slab, energy, converged = relaxed.atoms, relaxed.energy, converged and relaxed.converged
    symmetry = SurfaceSymmetry.of(slab)
    return _Surface(references, bulk, start, slab, energy, converged, symmetry, find_sites(slab, symmetry))


def _gas(name: str, number: Fraction, plan: _Plan, relaxer: Relaxer) -> Reference:
    molecule = gas_molecule(name, plan.adsorbate)
    relaxed = _must(f"the reference molecule {name}", relaxer, f"gas-{name.replace('/', '_')}", molecule)
    return Reference(name, number, relaxed.energy, relaxed.converged, relaxed.atoms)


def _must(what: str, relaxer: Relaxer, name: str, atoms: Atoms, **options: object) -> Relaxed:
    """Relax something without which there is no adsorption energy at all."""
    try:
        return relaxer(name, atoms, **options)
    except CalculationError as error:
        raise InputError(f"cannot calculate {what} ({atoms.get_chemical_formula()}): {error}") from error


def _configuration(placement: Placement, species: Adsorbate, surface: _Surface, relaxer: Relaxer) -> Configuration:
    """Relax one configuration and look at what became of it."""
    try:
        relaxed = relaxer(placement.name, placement.atoms)
    except CalculationError as error:
        return _failed(placement, str(error))
    outcome = look_at(relaxed.atoms, placement.site, surface.slab, species, surface.sites)
    return Configuration(
        **_origin(placement),
        energy=relaxed.energy,
        adsorption_energy=surface.adsorption_energy(relaxed.energy),
        max_force=relaxed.max_force,
        steps=relaxed.steps,
        converged=relaxed.converged,
        final_site=outcome.final_site,
        height=outcome.height,
        shortest_bond=outcome.shortest_bond,
        anomalies=outcome.anomalies if relaxed.converged else (*outcome.anomalies, "not converged"),
        atoms=relaxed.atoms,
    )


def _failed(placement: Placement, error: str) -> Configuration:
    return Configuration(**_origin(placement), anomalies=("failed",), error=error, atoms=placement.atoms)


def _origin(placement: Placement) -> dict[str, Any]:
    return {
        "name": placement.name,
        "site": placement.site.name,
        "tilt": placement.tilt,
        "azimuth": placement.azimuth,
    }


def _ranked(found: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """Those without anomalies first, numbered; then the others; each by energy, failures at the end."""

    ordered = sorted(found, key=lambda c: (bool(c.anomalies), c.error is not None, c.adsorption_energy))
    return tuple(replace(c, rank=None if c.anomalies else i) for i, c in enumerate(ordered, start=1))
