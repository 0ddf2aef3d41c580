"""Adsorption energies of many adsorbates on many surfaces."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ase.calculators.calculator import BaseCalculator

from equical.catalogue import AUTO
from equical.errors import InputError
from equical.workflows.adsorption.place import AZIMUTHS
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.provenance import identity_of
from equical.workflows.common.suitability import warn_of_unknown
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.screen.driver import Driver
from equical.workflows.screen.files import SCREEN_FILES, write_screen
from equical.workflows.screen.plan import ScreenPlan, make_plan
from equical.workflows.screen.result import ScreenResult, adsorptions_of, failures_of
from equical.workflows.screen.settings import ScreenSettings
from equical.workflows.screen.status import expected
from equical.workflows.screen.store import DATABASE, Store
from equical.workflows.screen.table import read_table
from equical.workflows.screen.workers import Workers, find_workers, pickled

__all__ = ["screen"]


@surroundings_kept()
def screen(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    table: str | PathLike[str] | Sequence[Mapping[str, Any]],
    calculator: BaseCalculator | Callable[[], BaseCalculator] | str | PathLike[str] | None = None,
    *,
    sites: Sequence[str] | None = None,
    azimuths: Sequence[float] = AZIMUTHS,
    fmax: float = 0.03,
    steps: int = 300,
    workers: int | None = None,
    memory: str | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> ScreenResult:
    """Find how strongly adsorbates bind to surfaces: all that a table asks for, as :func:`equical.adsorption_energy`.

    Each crystal, slab and gas molecule is relaxed once, for all that need it. Every relaxation is a task for a worker.
    Workers may die, and one that fails stops no other.

    Scripts that have workers started must do so under ``if __name__ == "__main__":``, as these read the script again.

    Args:
        table: file (``.yaml``, else CSV) or list of mappings with the columns ``bulk`` or ``slab``, ``facets``,
            ``adsorbates`` and those of :class:`.SlabFromBulk`; one line asks for all combinations of what is in it.
            A line that cannot be used is warned of and left out.
        calculator: a function that workers make their calculator with; the name or folder of a model; a calculator
            that can be pickled; None for the shipped model that is made for the most of them.
        sites: kinds or names of sites to try (``["hollow"]``, ``["top"]``); None for all.
        azimuths: degrees. Directions to try for adsorbates that are not upright.
        fmax: eV/Å. Largest force allowed on an atom that is free to move.
        steps: the most that one relaxation may take.
        workers: processes on this machine, one thread each; None for one a core, 0 to work in this process. With a GPU
            give as many as it has memory for.
        memory: that each of them may take, such as ``"4GB"``; by default an equal share of all there is. One that takes
            more is ended, and after four of them its task has failed.
        scheduler: address of a Dask scheduler, such as ``"tcp://node7:8786"``, whose workers do the work instead.
        retry_failed: go on with an earlier run in ``output``, and try again what has failed.
        output: folder for the results; None keeps nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; the table may have more lines, or fewer. What has failed
            is not tried again.
        progress: show a progress bar.

    Raises:
        InputError: the table cannot be used at all, the workers are gone, the database belongs to another run or cannot
            be written, or not a single adsorbate could be calculated.
    """
    began = time.perf_counter()
    settings = ScreenSettings(sites, azimuths, fmax, steps)
    maker = _maker(calculator)
    lines = read_table(table)
    with (
        RunFolder(output, SCREEN_FILES, overwrite=overwrite, resume=resume or retry_failed) as folder,
        noted_warnings() as noted,
    ):
        ours = maker()
        if getattr(ours, "parameters", {}).get("model") == AUTO:  # models of total energies alone are chosen
            resolve_calculator(ours, structures=make_plan(lines, "total").examples(), partly=True)
            maker = partial(resolve_calculator, ours)
        energy_kind = getattr(ours, "energy_kind", "total")
        plan = make_plan(lines, energy_kind)
        with find_workers(pickled(maker), workers, scheduler, memory) as crew:
            folder.begin("screen", settings, ours, None)
            with _database(folder) as path:
                store = Store(path, json.loads(json.dumps(identity_of(ours) | settings.identity())))
                store.remember(surfaces=len(plan.surfaces), pairs=len(plan.pairs))
                driver = Driver(plan, store, settings, energy_kind, in_batches=hasattr(ours, "batch"))
                if retry_failed:
                    driver.open_again()
                before = sum(row.status == "done" for row in driver.wanted)
                _go(driver, crew, plan, show=progress)
        result = _result(driver, plan, settings, before)
        for note in dict.fromkeys(note for row in driver.wanted for note in row.notes):
            warn(note)
        done = [row for row in driver.wanted if row.status == "done"]
        warn_of_unknown([(row.name, row.values.get("outside")) for row in done], "relaxed structures")
        result = replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=folder.path)
        if folder:
            write_screen(folder, result)
            folder.finish(result, ours)
    return result


def _maker(
    calculator: BaseCalculator | Callable[[], BaseCalculator] | str | PathLike[str] | None,
) -> Callable[[], BaseCalculator]:
    """What makes the calculator, here and in each worker."""
    if callable(calculator) and not isinstance(calculator, BaseCalculator):
        return calculator
    return partial(resolve_calculator, calculator)


@contextmanager
def _database(folder: RunFolder) -> Iterator[Path]:
    """Where rows are kept: nowhere for long without a folder."""
    if folder:
        yield folder / DATABASE
        return
    with TemporaryDirectory() as temporary:
        yield Path(temporary) / DATABASE


def _go(driver: Driver, workers: Workers, plan: ScreenPlan, *, show: bool) -> None:
    """Work until nothing is left that can be done, and show how far it is."""
    ended = sum(row.status != "open" for row in driver.wanted)
    failed = 0
    with progress_bar(None, "screen", "relaxations", show=show, total=0, initial=ended) as bar:
        for row in driver.go(workers):
            failed += row.status == "failed"
            if not bar.disable and (row.kind != "adsorption" or bar.total == 0):
                bar.total = expected(driver.wanted, len(plan.surfaces), len(plan.pairs))
            if failed:
                bar.set_postfix_str(f"{failed} failed", refresh=False)
            bar.update()


def _result(driver: Driver, plan: ScreenPlan, settings: ScreenSettings, before: int) -> ScreenResult:
    rows = driver.wanted
    order = {key: place for place, key in enumerate(plan.pairs)}
    rows.sort(key=lambda row: order.get(row.pair, -1))
    adsorptions, failures = adsorptions_of(rows), failures_of(rows)
    if not adsorptions:
        first = f"{failures[0].name}: {failures[0].reason}" if failures else "no configurations"
        raise InputError(f"nothing could be calculated; the first failure is {first}")
    sound = not failures and not plan.unreadable and all(one.configuration for one in adsorptions)
    return ScreenResult(
        adsorptions=adsorptions,
        failures=failures,
        blocked=tuple(f"{pair.adsorbate.name} on {pair.surface.name}" for pair in driver.blocked),
        unreadable=plan.unreadable,
        relaxations=Counter(row.status for row in rows),
        reused=before,
        settings=settings,
        converged=bool(sound and all(row.values.get("converged") for row in rows)),
    )
