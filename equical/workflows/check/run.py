"""``check``: ask a calculator everything that has ever gone wrong with one."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from equical.catalogue import AUTO, named_model
from equical.errors import InputError
from equical.testing.checks import CHECKS
from equical.testing.finding import Finding
from equical.testing.subject import Subject, structures_of
from equical.workflows.check.files import CHECK_FILES, write_check
from equical.workflows.check.result import CheckResult
from equical.workflows.check.settings import CheckSettings
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import check_structure, resolve_calculator
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.parts import Parts
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.provenance import structure_digest
from equical.workflows.common.surroundings import surroundings_kept

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["check"]

MOST_ATOMS = 64
"""In a structure to examine a calculator on: some checks take many evaluations, some repeat it."""


@surroundings_kept()
def check(
    calculator: BaseCalculator | Callable[[], BaseCalculator] | str | PathLike[str] | None = None,
    structures: Atoms | Sequence[Atoms] | Mapping[str, Atoms] | None = None,
    *,
    quick: bool = False,
    checks: Sequence[str] | None = None,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> CheckResult:
    """Examine a calculator.

    Forces and stress against finite differences, symmetries, supercells, smoothness, isolated atoms, dimers, constant
    energy in dynamics, the same answer whatever was asked before: each measured and compared with a limit, which
    depends on the precision of the calculator and on whether its forces are meant to be a gradient.

    Args:
        calculator: an ASE calculator, a function that makes one, the name or folder of a model, or None for the
            shipped model made for the structures. Of a calculator that is no function, copies are examined.
        structures: to examine it on, at most 64 atoms each, not at equilibrium; by default small ones of the elements
            that the calculator covers.
        quick: fewer points, directions and steps.
        checks: names of the checks to do; None for all.
        output: folder for ``result.json``, ``check.csv`` and ``check.png``; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with an interrupted run in ``output``; checks that were done are not done again.
        progress: show a progress bar.

    Returns:
        All findings; ``converged`` is whether every one is within its limit.

    Raises:
        InputError: no such check, no elements to make structures of, or structures that are too large.
    """
    began = time.perf_counter()
    settings = CheckSettings(quick, checks)
    with RunFolder(output, CHECK_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        make = _maker(calculator, structures)
        first = make()
        named = _named(structures, first)
        subject = Subject(
            make,
            named,
            double=_dtype(first) == "float64",
            conservative=bool(getattr(first, "conservative", True)),
            mirror=_keeps_mirrors(first),
            quick=quick,
        )
        digests = {name: structure_digest(atoms) for name, atoms in named.items()}
        folder.begin("check", settings, first, next(iter(named.values())), structures=digests)
        parts = Parts(folder)
        findings: list[Finding] = []
        for name in progress_bar(checks or list(CHECKS), "checks", "checks", show=progress):
            found = parts.get(name, partial(_part, name, subject))
            findings += map(_finding, found["findings"])
        result = CheckResult(
            findings=tuple(findings),
            conservative=subject.conservative,
            dtype=_dtype(first),
            settings=settings,
            converged=all(finding.passed for finding in findings),
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            write_check(folder, result)
            folder.finish(result, first)
    return result


def _asked(name: str, subject: Subject) -> list[Finding]:
    """Findings of one check; a calculator that cannot answer has failed it."""
    found: list[Finding] = []
    try:
        found.extend(CHECKS[name](subject))
    except Exception as error:  # calculators raise what they like
        reason = " ".join(str(error).split()) or type(error).__name__
        found.append(Finding(name, float("nan"), 0.0, "", "", f"{type(error).__name__}: {reason}"))
    return found


def _part(name: str, subject: Subject) -> dict[str, Any]:
    """Findings of one check as they are kept."""
    return {"findings": [asdict(finding) for finding in _asked(name, subject)]}


def _finding(kept: Mapping[str, Any]) -> Finding:
    """What was measured, from what JSON keeps of it: null in place of NaN, lists in place of arrays."""
    value = float("nan") if kept["value"] is None else kept["value"]
    curve = {name: np.asarray(points, dtype=float) for name, points in kept["curve"].items()}
    return Finding(**{**kept, "value": value, "curve": curve})


def _maker(
    calculator: BaseCalculator | Callable[[], BaseCalculator] | str | PathLike[str] | None,
    structures: Atoms | Sequence[Atoms] | Mapping[str, Atoms] | None,
) -> Callable[[], BaseCalculator]:
    if isinstance(calculator, type) or (callable(calculator) and not hasattr(calculator, "get_property")):
        return calculator
    images = [] if structures is None else list(_by_name(structures).values())
    if calculator is None or isinstance(calculator, str | PathLike):
        calculator = named_model(AUTO if calculator is None else calculator, images)
    given = resolve_calculator(calculator, structures=images)
    return lambda: copy.deepcopy(given)


def _named(
    structures: Atoms | Sequence[Atoms] | Mapping[str, Atoms] | None, calculator: BaseCalculator
) -> dict[str, Atoms]:
    if structures is None:
        elements = getattr(calculator, "elements", None)
        if not elements:
            raise InputError(
                f"{type(calculator).__name__} does not say which elements it covers: give structures with --structure"
            )
        return structures_of(_likely(elements))
    named = _by_name(structures)
    for name, atoms in named.items():
        check_structure(atoms)
        if len(atoms) > MOST_ATOMS:
            raise InputError(
                f"structure {name} has {len(atoms)} atoms, and some checks repeat it: at most {MOST_ATOMS}"
            )
    return {name: _bare(atoms) for name, atoms in named.items()}


def _by_name(structures: Atoms | Sequence[Atoms] | Mapping[str, Atoms]) -> Mapping[str, Atoms]:
    if isinstance(structures, Mapping):
        return structures
    images = [structures] if isinstance(structures, Atoms) else structures
    return {f"{number} {atoms.get_chemical_formula()}": atoms for number, atoms in enumerate(images)}


def _bare(atoms: Atoms) -> Atoms:
    bare = atoms.copy()
    bare.set_constraint()
    return bare


def _likely(elements: Sequence[str]) -> list[str]:
    """Elements of which crystals are simple first, the two most different of them."""
    metals = [symbol for symbol in elements if symbol in ("Cu", "Pt", "Al", "Ni", "Fe", "Mo")]
    return metals + [symbol for symbol in elements if symbol not in metals]


def _dtype(calculator: BaseCalculator) -> str:
    return str(getattr(calculator, "parameters", {}).get("dtype", "float64"))


def _keeps_mirrors(calculator: BaseCalculator) -> bool:
    checkpoint = getattr(calculator, "checkpoint", None)
    return checkpoint is None or bool(getattr(checkpoint.potential.config, "mirror", False))
