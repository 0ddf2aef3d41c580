"""Search for the stable structures of a compound, or of all mixtures of some elements, from random ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from equical.errors import InputError
from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.crystal import require_total_energy
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.provenance import is_known, probe
from equical.workflows.common.suitability import reason_outside, warn_if_unsuitable
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.relax.settings import RelaxSettings
from equical.workflows.relax.together import Relaxation
from equical.workflows.search.composition import composition_of, formula_of, reduced
from equical.workflows.search.files import SEARCH_FILES, write_search
from equical.workflows.search.generate import random_structure
from equical.workflows.search.hopeless import hopeless
from equical.workflows.search.judgement import judge
from equical.workflows.search.ranking import Candidate, ranked
from equical.workflows.search.relaxations import relaxed
from equical.workflows.search.result import SearchResult
from equical.workflows.search.settings import SearchSettings

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["search"]

PURPOSE = "a search for structures"

ROUGH_FMAX, ROUGH_SMAX = 0.2, 2.0
"""eV/Å and GPa. Relaxed so far, energies are right to some meV/atom: enough to see what is not worth more."""


@surroundings_kept()
def search(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    composition: str,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    units: int | tuple[int, int] = 1,
    structures: int = 100,
    volume: float | None = None,
    distances: Mapping[str, float] | None = None,
    operations: int | tuple[int, int] = (1, 4),
    seed: int = 0,
    window: float = 0.15,
    fmax: float = 0.02,
    smax: float = 0.1,
    steps: int = 200,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> SearchResult:
    """Find the stable crystals of a composition, or of all mixtures of some elements, by relaxing random structures.

    This is ab initio random structure searching (Pickard and Needs 2011) with a force field: cells of random shape,
    atoms at random sites of random space groups, pushed apart until no pair is too close, and relaxed with
    their cells. All are relaxed roughly; those within a window of the lowest of their composition are relaxed to the
    end. Where the calculator can (:meth:`.EquiCalc.batch`), structures are relaxed side by side.

    Args:
        composition: a formula such as ``"SiO2"``, or a range of atoms in the cell for each element, such as
            ``"Li=0:8,Si=0:4"``; ranges that include the pure elements make a convex hull.
        calculator: any ASE calculator with stresses, the name or folder of a model, or None for the shipped
            model that is made for such crystals.
        units: formula units in a cell, or the least and the largest number of them.
        structures: how many random structures.
        volume: Å³ per atom, about which cells are made; by default that of the elements' own crystals.
        distances: Å, how close atoms may start, such as ``{"Si-O": 1.5}``; by default 0.85 of the sum of radii in the
            elements' own crystals. A structure in which a pair comes closer than 0.94 of it is given up.
        operations: symmetry operations that structures are made with, or the least and the largest number of them.
        seed: of the random numbers. Structure n is the same whatever the number of structures.
        window: eV/atom above the lowest of a composition, within which structures are followed to the end.
        fmax: eV/Å, largest force to accept.
        smax: GPa, largest stress to accept.
        steps: the most to take, roughly and again to the end.
        output: folder for ``result.json``, ``structures.extxyz``, ``ranking.csv`` and plots; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: take what the folder has; with more ``structures`` the search grows.
        progress: show a progress bar.

    Raises:
        InputError: composition, settings or output folder are unusable, the calculator cannot do the elements or has no
            stress, or no structure came to anything.

    >>> from ase.calculators.emt import EMT
    >>> result = search("Cu", EMT(), structures=3)
    >>> result.best.space_group, round(result.best.volume_per_atom, 1)
    ('Fm-3m (225)', 11.6)
    """
    began = time.perf_counter()
    settings = SearchSettings(
        composition,
        _range(units),
        structures,
        volume,
        dict(distances or {}),
        _range(operations),
        seed,
        window,
        fmax,
        smax,
        steps,
    )
    with RunFolder(output, SEARCH_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        first = _typical(settings)
        calc = resolve_calculator(calculator, structures=[first])
        _require_cells(calc, first)
        told_apart = {} if is_known(calc) else {"probe": probe(calc, first)}
        folder.begin("search", settings, calc, None, **told_apart)
        folder.go_on()
        candidates, failures, dropped = _searched(settings, calc, folder, progress)
        if not candidates:
            number, reason = min(failures.items())
            raise InputError(f"none of the {structures} structures came to anything; number {number}: {reason}")
        found = ranked(candidates, settings.elements)
        result = SearchResult(
            found=tuple(replace(one, outside=reason_outside(calc, one.atoms)) for one in found),
            failures=failures,
            dropped=dropped,
            settings=settings,
            converged=True,
        )
        converged = judge(result)
        spent = time.perf_counter() - began
        result = replace(result, converged=converged, warnings=tuple(noted), wall_time=spent, output=folder.path)
        if folder:
            write_search(folder, result)
            folder.finish(result, calc)
    return result


def _range(given: int | tuple[int, int]) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (given[0], given[1])


def _typical(settings: SearchSettings) -> Atoms:
    """The first structure that has all elements."""
    choices, number = settings.compositions, 0
    while len(composition_of(settings.seed, number, choices)) < len(settings.elements) and number < len(choices):
        number += 1
    return random_structure(settings, number)


def _require_cells(calculator: BaseCalculator, first: Atoms) -> None:
    """Refuse a calculator that cannot relax cells of these elements, before anything is written or removed."""
    require_total_energy(calculator, PURPOSE)
    if "stress" not in calculator.implemented_properties:
        raise InputError(f"{type(calculator).__name__} computes no stress, which relaxing the cells needs")
    evaluate_all(calculator, [first], "a random structure")
    warn_if_unsuitable(calculator, first, PURPOSE)


def _searched(
    settings: SearchSettings, calculator: BaseCalculator, folder: RunFolder, progress: bool
) -> tuple[list[Candidate], dict[int, str], tuple[int, ...]]:
    """What came to something, why others failed, and which were not followed to the end."""
    failures: dict[int, str] = {}
    give_up = partial(hopeless, distances=settings.distances)
    rough, fine = (
        RelaxSettings(fmax=fmax, smax=smax, steps=settings.steps, cell="free")
        for fmax, smax in (
            (max(ROUGH_FMAX, settings.fmax), max(ROUGH_SMAX, settings.smax)),
            (settings.fmax, settings.smax),
        )
    )
    with progress_bar(None, settings.composition, "structures", show=progress, total=settings.structures) as bar:
        bar.set_postfix_str("roughly")
        starts = _random_structures(settings, failures)
        store = Evaluations(folder, "rough", calculator, rough.to_json())
        there = relaxed(starts, store, calculator, rough, give_up, bar)
        survivors = {number: outcome for number, outcome in there if not _failed(number, outcome, failures)}
        followed = _within_window(survivors, settings.window)
        bar.reset(total=len(followed))
        bar.set_postfix_str("to the end")
        store = Evaluations(folder, "relaxed", calculator, fine.to_json())
        there = relaxed(((n, one.atoms) for n, one in followed.items()), store, calculator, fine, give_up, bar)
        ended = {number: outcome for number, outcome in there if not _failed(number, outcome, failures)}
    candidates = [Candidate(number, one.atoms, one.converged) for number, one in ended.items()]
    return candidates, failures, tuple(number for number in survivors if number not in followed)


def _random_structures(settings: SearchSettings, failures: dict[int, str]) -> Iterator[tuple[int, Atoms]]:
    for number in range(settings.structures):
        try:
            yield number, random_structure(settings, number)
        except InputError as error:  # other compositions and volumes may have room
            failures[number] = str(error)


def _failed(number: int, outcome: Relaxation, failures: dict[int, str]) -> bool:
    if outcome.failure is not None:
        failures[number] = outcome.failure
    return outcome.failure is not None


def _within_window(survivors: Mapping[int, Relaxation], window: float) -> dict[int, Relaxation]:
    """Those whose energy lies within the window above the lowest of their composition."""
    formulas = {number: formula_of(reduced(one.atoms.symbols.formula.count())) for number, one in survivors.items()}
    energies = {number: one.atoms.get_potential_energy() / len(one.atoms) for number, one in survivors.items()}
    lowest: dict[str, float] = {}
    for number, formula in formulas.items():
        lowest[formula] = min(lowest.get(formula, np.inf), energies[number])
    return {number: one for number, one in survivors.items() if energies[number] <= lowest[formulas[number]] + window}
