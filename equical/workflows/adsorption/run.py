"""Adsorption energies: relax a slab, gas references, and an adsorbate on every kind of site."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import not_
from os import PathLike

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.adsorbates import adsorbate as look_up
from equical.workflows.adsorption.build import SlabFromBulk
from equical.workflows.adsorption.case import Case, relaxer_for, vibrations_for
from equical.workflows.adsorption.configurations import place
from equical.workflows.adsorption.files import ADSORPTION_FILES, write_adsorption
from equical.workflows.adsorption.place import AZIMUTHS
from equical.workflows.adsorption.plan import plan_for
from equical.workflows.adsorption.result import AdsorptionResult
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.surface import Gases, relax_bulk, relax_surface
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.surroundings import surroundings_kept

__all__ = ["adsorption_energy"]


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
    configurations: int = 0,
    seed: int = 0,
    thermo: tuple[float, float] | None = None,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> AdsorptionResult:
    """Find where an adsorbate binds to a surface, and how strongly.

    E_ads = E(slab + adsorbate) − E(slab) − Σ n·E(gas molecule), each relaxed with the same calculator; negative where
    adsorption is exothermic. One configuration that fails stops no other.

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
        configurations: how many random places and orientations to try beside the sites. Those that repeat another one
            are dropped, before their relaxation or after it, and those without hope are given up on the way.
        seed: of the random numbers.
        thermo: K and bar, such as ``(300, 1.0)``, at which enthalpy, entropy and Gibbs energy of adsorption are
            computed for the best configuration: its vibrations are harmonic, the gases ideal, each at that pressure.
        output: folder for the results; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; only relaxations that were under way are done again: one,
            or two dozen where the calculator evaluates batches.
        progress: show a progress bar.

    Raises:
        InputError: unusable slab, adsorbate, reference or folder; or elements that the calculator does not cover.
    """
    began = time.perf_counter()
    settings = AdsorptionSettings(reference, sites, azimuths, freeze, fmax, steps, configurations, seed, thermo)
    with RunFolder(output, ADSORPTION_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        species = look_up(adsorbate)
        plan = plan_for(slab, calculator, freeze, [species])
        stoichiometry = plan.reference_of(species, reference)
        relaxer = relaxer_for(plan, folder, settings)
        vibrations = vibrations_for(plan, folder, settings)
        references = Gases(relaxer).references(stoichiometry, species)
        surface = relax_surface(plan, relax_bulk(plan, relaxer), relaxer)
        case = Case(plan, species, references, surface, place(surface, species, settings), settings)
        folder.begin("adsorb", settings, plan.calculator, plan.start, adsorbate=species.name)
        folder.go_on()
        relaxer.write()
        result = replace(case.calculate(relaxer, vibrations, progress), warnings=tuple(noted), output=folder.path)
        result = replace(result, wall_time=time.perf_counter() - began)
        if folder:
            write_adsorption(folder, result, case.placements)
            folder.finish(result, plan.calculator)
    return result
