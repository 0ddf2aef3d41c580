"""What trainings, evaluations and checks of data come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from equical.training.audit.finding import DataFinding
from equical.training.data.elements import symbol
from equical.training.data.references import ReferenceFit
from equical.training.report.metrics import ERROR_UNITS, Comparison
from equical.workflows.common.result import Result

__all__ = ["DataCheck", "EvaluationResult", "TrainResult"]


@dataclass(frozen=True, kw_only=True)
class TrainResult(Result):
    """What :func:`equical.train` or :func:`equical.finetune` came to.

    Errors are dictionaries of MAE and RMSE of the energy per atom, of force and of stress components, and of the mean
    cosine between forces; their units are in the names.

    Attributes:
        steps: optimiser steps.
        best_step: step of the best model.
        minutes: time spent on training, before interruptions too.
        validation: errors of the best model on the validation data; on the training data where there are none.
        by_dataset: the same for each data set.
        by_element: errors of forces on the atoms of each element.
        comparison: labels and predictions behind these numbers.
        baseline: errors of the starting model on the validation data; None for a new model.
        advice: what would make an adapted model better, each in one sentence; empty for a new model.
        converged: every stage reached a limit; False after an interruption, from which ``resume`` goes on.
        warnings, wall_time, output: see :class:`.Result`.
    """

    steps: int
    best_step: int
    minutes: float
    validation: dict[str, float]
    by_dataset: dict[str, dict[str, float]] = field(repr=False)
    by_element: dict[str, dict[str, float]] = field(repr=False)
    comparison: Comparison = field(repr=False)
    baseline: dict[str, float] | None = None
    advice: tuple[str, ...] = ()

    UNITS: ClassVar[Mapping[str, str]] = ERROR_UNITS | {"minutes": "min"}

    @property
    def model(self) -> Path:
        """Folder of the best model, for :class:`equical.EquiCalc`."""
        assert self.output is not None
        return self.output / "model"

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "steps": self.steps,
            "best_step": self.best_step,
            "minutes": self.minutes,
            "validation": self.validation,
            "by_dataset": self.by_dataset,
            "by_element": self.by_element,
            "baseline": self.baseline,
            "advice": self.advice,
        }


@dataclass(frozen=True, kw_only=True)
class EvaluationResult(Result):
    """Errors of a model on labelled structures.

    Attributes:
        data: names of the files.
        structures: how many.
        atoms: how many, in all structures.
        errors: MAE and RMSE of energy per atom, forces and stress, and the mean cosine between forces; units are in the
            names.
        by_group: the same for each group (trajectory) of more than one structure, or each data set without groups.
        by_element: errors of forces on the atoms of each element.
        shift: what was added to the model's energies to bring them onto the data's zero; None if not asked for.
        comparison: labels and predictions.
        converged: every prediction is a number.
        warnings, wall_time, output: see :class:`.Result`.
    """

    data: tuple[str, ...]
    structures: int
    atoms: int
    errors: dict[str, float]
    by_group: dict[str, dict[str, float]] = field(repr=False)
    by_element: dict[str, dict[str, float]] = field(repr=False)
    shift: ReferenceFit | None
    comparison: Comparison = field(repr=False)

    UNITS: ClassVar[Mapping[str, str]] = ERROR_UNITS

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        shift = None if self.shift is None else {symbol(z): energy for z, energy in self.shift.energies.items()}
        return {
            "data": self.data,
            "structures": self.structures,
            "atoms": self.atoms,
            "errors": self.errors,
            "by_group": self.by_group,
            "by_element": self.by_element,
            "reference_shift_eV": shift,
        }


@dataclass(frozen=True, kw_only=True)
class DataCheck(Result):
    """What is to be said about labelled structures before they are trained on.

    Attributes:
        structures: how many have usable labels.
        summary: sizes, elements and labels, in one line.
        findings: errors, warnings and notes.
        converged: there is no error among them.
        warnings, wall_time, output: see :class:`.Result`; here ``output`` is a file.
    """

    structures: int
    summary: str
    findings: tuple[DataFinding, ...]

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "structures": self.structures,
            "summary": self.summary,
            "findings": [vars(finding) for finding in self.findings],
        }
