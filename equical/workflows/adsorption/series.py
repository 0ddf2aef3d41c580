"""Adsorption energies of several adsorbates: bulk, slab and gas molecules are relaxed once for all of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.adsorbates import adsorbate as look_up
from equical.workflows.adsorption.build import SlabFromBulk
from equical.workflows.adsorption.case import Case, relaxer_for, vibrations_for
from equical.workflows.adsorption.configurations import place
from equical.workflows.adsorption.coverage import cells_for
from equical.workflows.adsorption.files import ADSORPTION_FILES, write_adsorption
from equical.workflows.adsorption.place import AZIMUTHS
from equical.workflows.adsorption.plan import Plan, plan_for
from equical.workflows.adsorption.result import AdsorptionResult
from equical.workflows.adsorption.series_files import series_files, write_series
from equical.workflows.adsorption.series_result import AdsorptionSeriesResult, SeriesFailure
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.surface import Gases, relax_bulk, relax_surface
from equical.workflows.adsorption.thermo import Vibrations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.surroundings import surroundings_kept

__all__ = ["adsorption_energies"]


@surroundings_kept()
def adsorption_energies(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    slab: Atoms | str | PathLike[str] | SlabFromBulk,
    adsorbates: Sequence[Adsorbate | Atoms | str | PathLike[str]],
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    coverages: Sequence[float] | None = None,
    references: Mapping[str, str | Mapping[str, float]] | None = None,
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
) -> AdsorptionSeriesResult:
    """Find where several adsorbates bind to a surface, and how strongly.

    Each is what :func:`adsorption_energy` makes of it. Bulk and slab are relaxed once, and each gas molecule once. An
    adsorbate that fails stops no other.

    Args:
        slab: as for :func:`adsorption_energy`.
        adsorbates: names, or what :func:`adsorbate` made of molecules; no two with the same name.
        calculator: as for :func:`adsorption_energy`.
        coverages: adsorbates per surface atom, each one adsorbate in a cell of its own size, see :func:`spread_cell`;
            for a slab that is cut from a crystal, on the smallest cell. None for the slab as it is.
        references: by name of the adsorbate, what to count its energy from in place of the usual.
        sites, azimuths, freeze, fmax, steps, configurations, seed, thermo: as for :func:`adsorption_energy`.
        output: folder for ``result.json``, ``adsorption.csv`` and a subfolder for each adsorbate with all that
            :func:`adsorption_energy` leaves; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run of the same adsorbates in ``output``.
        progress: show progress bars.

    Raises:
        InputError: unusable slab, adsorbate, reference or folder; or none of the adsorbates could be calculated.
    """
    began = time.perf_counter()
    settings = AdsorptionSettings(None, sites, azimuths, freeze, fmax, steps, configurations, seed, thermo)
    species = _known(adsorbates, references or {})
    labels = [None] if coverages is None else [float(coverage) for coverage in coverages]
    names = [_name(one, label) for label in labels for one in species]
    with (
        RunFolder(output, series_files(names), overwrite=overwrite, resume=resume) as folder,
        noted_warnings() as noted,
    ):
        plan = plan_for(slab, calculator, freeze, species)
        cells = _cells(plan, coverages)
        each = [replace(settings, reference=(references or {}).get(one.name)) for one in species]
        stoichiometries = [plan.reference_of(one, own.reference) for one, own in zip(species, each, strict=True)]
        relaxer = relaxer_for(plan, folder, settings)
        vibrations = vibrations_for(plan, folder, settings)
        gases = Gases(relaxer)
        made_of = [gases.references(*pair) for pair in zip(stoichiometries, species, strict=True)]
        bulk = relax_bulk(plan, relaxer)
        cases: dict[str, Case | InputError] = {}
        for label in labels:
            surface = relax_surface(plan, bulk, relaxer, None if label is None else cells[label])
            for one, own, gas in zip(species, each, made_of, strict=True):
                try:
                    cases[_name(one, label)] = Case(plan, one, gas, surface, place(surface, one, own), own)
                except InputError as error:  # such as one that is too large for the cell
                    cases[_name(one, label)] = error
        _require_one(cases)
        folder.begin(
            "adsorb-series",
            settings,
            plan.calculator,
            plan.start,
            adsorbates=[one.name for one in species],
            coverages=labels,
        )
        folder.go_on()
        relaxer.write()
        outcomes: dict[str, AdsorptionResult | InputError] = {
            name: case
            if isinstance(case, InputError)
            else _outcome(case, folder, name, overwrite, vibrations, progress)
            for name, case in cases.items()
        }
        _require_one(outcomes)
        results = {name: found for name, found in outcomes.items() if isinstance(found, AdsorptionResult)}
        failures = [SeriesFailure(name, str(why)) for name, why in outcomes.items() if isinstance(why, InputError)]
        series = AdsorptionSeriesResult(
            results=results,
            failures=tuple(failures),
            converged=not failures and all(result.converged for result in results.values()),
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_series(folder, series)
            folder.finish(series, plan.calculator)
    return series


def _known(
    adsorbates: Sequence[Adsorbate | Atoms | str | PathLike[str]], references: Mapping[str, object]
) -> list[Adsorbate]:
    """The adsorbates, which must differ in their names.

    Raises:
        InputError: none, one of them twice, or a reference for none of them.
    """
    if isinstance(adsorbates, str | PathLike | Atoms | Adsorbate) or not adsorbates:
        raise InputError('adsorbates must be a list of one or more, such as ["O", "OH"]')
    species = [look_up(one) for one in adsorbates]
    name, times = Counter(one.name for one in species).most_common(1)[0]
    if times > 1:
        raise InputError(f"{name} is among the adsorbates {times} times: give it once, or other names to their files")
    for unknown in references.keys() - {one.name for one in species}:
        raise InputError(f"there is a reference for {unknown}, which is none of the adsorbates")
    return species


def _name(species: Adsorbate, coverage: float | None) -> str:
    """Of a case and of its folder."""
    return species.name if coverage is None else f"{species.name}-{coverage:g}"


def _cells(plan: Plan, coverages: Sequence[float] | None) -> dict[float, int]:
    """How many of the smallest cells make the cell for each coverage; empty for the slab as it is."""
    if coverages is None:
        return {}
    if plan.recipe is None or plan.bulk is None:
        raise InputError("a coverage needs a crystal to cut its cells from: give one with --bulk in place of --slab")
    if not coverages:
        raise InputError("coverages must be a list of one or more, such as [0.25, 1.0]")
    return cells_for(coverages, plan.recipe, plan.bulk.crystal)


def _require_one(outcomes: Mapping[str, object]) -> None:
    """Refuse a series of which nothing comes, with the reason of the first."""
    first = next(iter(outcomes.values()))
    if isinstance(first, InputError) and all(isinstance(one, InputError) for one in outcomes.values()):
        raise first


def _outcome(
    case: Case, series: RunFolder, name: str, overwrite: bool, vibrations: Vibrations | None, progress: bool
) -> AdsorptionResult | InputError:
    """One adsorbate in a folder of its own, or why there is nothing of it."""
    began = time.perf_counter()
    path: Path | None = series / name if series else None
    with RunFolder(path, ADSORPTION_FILES, overwrite=overwrite, resume=series.resume) as own, noted_warnings() as noted:
        relaxer = relaxer_for(case.plan, own, case.settings)
        own.begin("adsorb", case.settings, case.plan.calculator, case.surface.start, adsorbate=case.species.name)
        own.go_on()
        try:
            result = case.calculate(relaxer, vibrations and vibrations.within(own), progress)
        except InputError as error:
            return error
        result = replace(result, warnings=tuple(noted), output=own.path, wall_time=time.perf_counter() - began)
        if own:
            write_adsorption(own, result, case.placements)
            own.finish(result, case.plan.calculator)
    return result
