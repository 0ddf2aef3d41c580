"""Relax many structures, each in its own folder; what goes wrong with one does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from equical.errors import InputError
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.common.output import open_output, provenance, write_json, write_structures
from equical.workflows.relax.record import RELAX_FILES, UNITS, describe
from equical.workflows.relax.run import RelaxResult, RelaxSettings, run_relaxation

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

__all__ = ["RelaxFailure", "relax_many", "run_relaxations"]


@dataclass(frozen=True)
class RelaxFailure:
    """A structure that could not be relaxed.

    Attributes:
        structure: its chemical formula.
        reason: one line.
    """

    structure: str
    reason: str


Outcome = RelaxResult | RelaxFailure


def relax_many(
    images: Sequence[Atoms],
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    settings: RelaxSettings | None = None,
    *,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    quiet: bool = True,
) -> list[Outcome]:
    """Relax structures one after the other.

    Args:
        images: the structures; they are not changed.
        calculator: any ASE calculator, the name or folder of a model, or None for the default model.
        settings: how to relax all of them.
        output: folder with a numbered subfolder for each structure, ``relaxed.extxyz`` with all that were relaxed, and
            ``result.json`` about all; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on with the runs in the folder.
        quiet: show no progress bars.

    Returns:
        For each structure, in order, its result or why there is none.

    Raises:
        InputError: settings, calculator or output folder are unusable.
        OSError: results cannot be written any more.
    """
    calculator = resolve_calculator(calculator)
    folder = None
    if output is not None:
        folder = open_output(output, "relax", "many", RELAX_FILES, overwrite=overwrite, resume=resume)
    return run_relaxations(images, calculator, settings or RelaxSettings(), folder, resume=resume, quiet=quiet)


def run_relaxations(
    images: Sequence[Atoms],
    calculator: BaseCalculator,
    settings: RelaxSettings,
    folder: Path | None = None,
    *,
    resume: bool = False,
    quiet: bool = True,
    report: Callable[[int, Outcome], None] = lambda index, outcome: None,
) -> list[Outcome]:
    """:func:`relax_many` with its output folder already open; ``report`` is called after each structure."""
    began = time.perf_counter()
    outcomes = []
    names = [f"{index:0{len(str(len(images) - 1))}d}" for index in range(len(images))]
    for index, atoms in enumerate(images):
        own = None
        if folder is not None:
            own = folder / names[index]
            own.mkdir(exist_ok=True)
        outcome = _attempt(atoms, calculator, settings, own, resume, quiet)
        report(index, outcome)
        outcomes.append(outcome)
    if folder is not None:
        results = [outcome for outcome in outcomes if isinstance(outcome, RelaxResult)]
        if results:
            write_structures(folder / "relaxed.extxyz", [result.atoms for result in results])
        converged = [result.converged for result in results]
        summary = {
            "converged": len(converged) == len(outcomes) and all(converged),
            "num_structures": len(outcomes),
            "num_converged": sum(converged),
            "num_failed": len(outcomes) - len(results),
            "structures": [{"folder": name} | _summary(one) for name, one in zip(names, outcomes, strict=True)],
            "wall_time_s": time.perf_counter() - began,
            "units": UNITS,
        }
        write_json(folder / "result.json", summary | provenance(calculator))
    return outcomes


def _attempt(
    atoms: Atoms, calculator: BaseCalculator, settings: RelaxSettings, folder: Path | None, resume: bool, quiet: bool
) -> Outcome:
    try:
        return run_relaxation(atoms, calculator, settings, folder, resume=resume, quiet=quiet)
    except OSError:
        raise  # a full disk is no fault of this structure
    except Exception as error:  # calculators and optimizers raise what they like, and the next structure may be fine
        message = " ".join(str(error).split())
        reason = message if isinstance(error, InputError) else f"{type(error).__name__}: {message}"
        return RelaxFailure(atoms.get_chemical_formula(), reason)


def _summary(outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, RelaxFailure):
        return {"structure": outcome.structure, "converged": False, "error": outcome.reason}
    return describe(outcome)
