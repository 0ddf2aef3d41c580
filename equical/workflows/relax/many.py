"""Relax many structures, each in its own folder; what goes wrong with one does not stop the others."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from operator import not_
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from equical.errors import InputError
from equical.workflows.common.deprecated import formerly
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.frames import write_structures
from equical.workflows.common.inputs import check_structure, require_atoms_in, resolve_calculator
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.surroundings import surroundings_kept
from equical.workflows.relax.files import RELAX_FILES
from equical.workflows.relax.result import RelaxFailure, RelaxManyResult, RelaxResult
from equical.workflows.relax.run import relax
from equical.workflows.relax.settings import RelaxSettings

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["relax_many"]

Report = Callable[[int, RelaxResult | RelaxFailure], None]


@formerly(quiet=("progress", not_))
@surroundings_kept()
def relax_many(
    images: Sequence[Atoms],
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    settings: RelaxSettings | None = None,
    *,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
    report: Report = lambda index, outcome: None,
) -> RelaxManyResult:
    """Relax structures one after the other.

    Args:
        images: the structures; they are not changed.
        calculator: any ASE calculator, the name or folder of a model, or None for the shipped model
            that is made for the most of them.
        settings: how to relax all of them.
        output: folder with a numbered subfolder for each structure, ``relaxed.extxyz`` with all that were relaxed, and
            ``result.json`` about all; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with the runs in the folder.
        progress: show progress bars.
        report: called with the number and the outcome of each structure as soon as it is done.

    Returns:
        For each structure, in order, its result or why there is none.

    Raises:
        InputError: settings, calculator or output folder are unusable, or there is something else among the structures.
        OSError: results cannot be written any more.
    """
    require_atoms_in(images)
    began = time.perf_counter()
    settings = settings or RelaxSettings()
    with RunFolder(output, RELAX_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        sound = _sound(images)
        calculator = resolve_calculator(calculator, structures=sound, partly=True)
        folder.begin("relax", settings, calculator, None)
        width = len(str(len(images) - 1))
        outcomes = []
        for index, atoms in enumerate(images):
            own = folder / f"{index:0{width}d}" if folder else None
            outcome = _attempt(atoms, calculator, settings, own, resume, progress)
            report(index, outcome)
            outcomes.append(outcome)
        relaxed = [outcome for outcome in outcomes if isinstance(outcome, RelaxResult)]
        result = RelaxManyResult(
            outcomes=tuple(outcomes),
            converged=len(relaxed) == len(outcomes) and all(one.converged for one in relaxed),
            warnings=tuple(noted),
            wall_time=time.perf_counter() - began,
            output=folder.path,
        )
        if folder:
            if relaxed:
                write_structures(folder / "relaxed.extxyz", [one.atoms for one in relaxed])
            folder.finish(result, calculator)
    return result


def _sound(images: Sequence[Atoms]) -> list[Atoms]:
    """Those that can be relaxed; input of which nothing can come is refused before earlier results are removed."""
    sound, problems = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is doubtful about a structure is said where it is relaxed
        for atoms in images:
            try:
                check_structure(atoms)
            except InputError as error:
                problems.append(str(error))
            else:
                sound.append(atoms)
    if not sound:
        raise InputError(f"none of the {len(images)} structures can be relaxed; the first: {problems[0]}")
    return sound


def _attempt(
    atoms: Atoms,
    calculator: BaseCalculator,
    settings: RelaxSettings,
    output: Path | None,
    resume: bool,
    progress: bool,
) -> RelaxResult | RelaxFailure:
    again = resume and output is not None and output.exists()
    try:
        return relax(atoms, calculator, **vars(settings), output=output, resume=again, progress=progress)
    except OSError:
        raise  # a full disk is no fault of this structure
    except Exception as error:  # calculators and optimizers raise what they like, and the next structure may be fine
        message = " ".join(str(error).split())
        reason = message if isinstance(error, InputError) else f"{type(error).__name__}: {message}"
        return RelaxFailure(atoms.get_chemical_formula(), reason)
