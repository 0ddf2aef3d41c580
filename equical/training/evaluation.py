"""How good is a model on labelled structures?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
import torch

from equical.errors import InputError
from equical.model import Potential
from equical.training.config import DataConfig, DataSource, resolve_data
from equical.training.data.dataset import read_frames
from equical.training.data.elements import symbols
from equical.training.data.labels import Frame
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.references import fit_references
from equical.training.data.samples import Sample, make_samples
from equical.training.loop.evaluate import evaluate_samples
from equical.training.loop.loss import EnergyTerm, ForcesTerm, LossTerm, StressTerm
from equical.training.report.metrics import Comparison, error_summary, errors_by_element, errors_by_group
from equical.training.report.plots import plot_parity
from equical.training.result import EvaluationResult
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.notes import noted_warnings, warn
from equical.workflows.common.progress import progress_bar

__all__ = ["evaluate", "evaluate_model"]

SHOWN = 5
"""Structures without a number that a warning names."""


def evaluate(
    model: str | PathLike[str],
    data: DataSource,
    *,
    shift_references: bool = False,
    device: str = "auto",
    dtype: str = "float32",
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> EvaluationResult:
    """Compare what a model predicts with labelled structures.

    Args:
        model: name or folder of a model; ``"auto"`` is the shipped one that is made for the most of the structures.
        data: files with labelled structures, or a :class:`.DataConfig` (or the same as a dictionary) that also says
            where the labels stand; with its ``group_key`` there are errors for each trajectory.
        shift_references: fit the difference of the zeros of energy by element, and take it out.
        device: ``"auto"`` (a GPU where there is one), ``"cpu"`` or ``"cuda[:N]"``.
        dtype: precision, ``"float32"`` or ``"float64"``.
        output: folder for ``result.json`` and ``parity.png``.
        overwrite: accept a folder with earlier results. They are removed once the data have been evaluated.
        progress: show a progress bar.

    Returns:
        Errors in all, by group and by element.

    Raises:
        InputError: there is no such model, it does not cover the elements, or the data are not usable.
    """
    from equical.calculator import EquiCalc

    began = time.perf_counter()
    with RunFolder(output, ["parity.png"], overwrite=overwrite) as folder, noted_warnings() as noted:
        calculator, config = EquiCalc(model, device=device, dtype=dtype), resolve_data(data)
        frames = read_frames(config)
        calculator.choose([frame.atoms for frame in frames], partly=True)
        potential = calculator.checkpoint.potential
        result = evaluate_model(
            potential,
            frames,
            config,
            shift_references=shift_references,
            device=potential.reference_energies.device,
            progress=progress,
        )
        folder.accept()
        result = replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=folder.path)
        if folder:
            plot_parity(result.comparison, folder / "parity.png")
            folder.finish(result, calculator)
    return result


def evaluate_model(
    potential: Potential,
    frames: Sequence[Frame],
    config: DataConfig,
    *,
    shift_references: bool = False,
    device: torch.device | str = "cpu",
    max_atoms: int = 1000,
    max_edges: int = 60000,
    progress: bool = False,
) -> EvaluationResult:
    """:func:`evaluate` for a potential and frames that were read.

    Args:
        potential: the model.
        frames: labelled structures.
        config: the data set they come from.
        shift_references: fit the difference of the zeros of energy by element, and take it out.
        device: where to compute.
        max_atoms: of one batch.
        max_edges: of one batch.
        progress: show a progress bar.

    Raises:
        InputError: an element is not covered.
    """
    uncovered = {int(z) for frame in frames for z in frame.atoms.numbers} - set(potential.elements)
    if uncovered:
        raise InputError(f"the model does not cover {symbols(uncovered)}; it covers {symbols(potential.elements)}")
    samples = list(make_samples(frames, NeighborRules.of(potential.config), potential.dtype))
    if config.group_key is not None:
        samples = [replace(sample, dataset=_trajectory(sample, config)) for sample in samples]
    evaluation = evaluate_samples(
        potential.to(device),
        samples,
        _terms(potential, samples),
        max_atoms=max_atoms,
        max_edges=max_edges,
        device=device,
        skip_fixed=False,
        watched=lambda numbers: progress_bar(numbers, "evaluation", "batches", show=progress),
    )
    comparison, fit = evaluation.comparison, None
    sound = _all_numbers(comparison, frames)
    if shift_references and sound:
        fit = fit_references([f.atoms.numbers for f in frames], comparison.energy_label - comparison.energy)
        shift = [sum(fit.energies[int(z)] for z in frame.atoms.numbers) for frame in frames]
        comparison = replace(comparison, energy=comparison.energy + np.array(shift))
    return EvaluationResult(
        data=tuple(path.name for path in config.paths),
        structures=len(frames),
        atoms=int(comparison.atoms.sum()),
        errors=error_summary(comparison),
        by_group=errors_by_group(comparison),
        by_element=errors_by_element(comparison),
        shift=fit,
        comparison=comparison,
        converged=sound,
    )


def _all_numbers(comparison: Comparison, frames: Sequence[Frame]) -> bool:
    """Whether every prediction is a finite number; warn of those that are not."""
    owner = np.repeat(np.arange(len(frames)), comparison.atoms)
    wrong = {*np.flatnonzero(~np.isfinite(comparison.energy)), *owner[~np.isfinite(comparison.forces).all(axis=1)]}
    if wrong:
        named = ", ".join(frames[index].origin for index in sorted(wrong)[:SHOWN])
        more = ", …" if len(wrong) > SHOWN else ""
        warn(f"the model predicts no number for {len(wrong)} of {len(frames)} structures: {named}{more}")
    elif not np.isfinite(comparison.stress).all():
        warn("the model predicts stresses that are no numbers")
        return False
    return not wrong


def _trajectory(sample: Sample, config: DataConfig) -> str:
    """What ``group_key`` says of it."""
    name = sample.group.partition("/")[2]
    return name if config.block is None else name.rpartition("#")[0]


def _terms(potential: Potential, samples: Sequence[Sample]) -> list[LossTerm]:
    """What has labels and can be predicted."""
    terms: list[LossTerm] = [EnergyTerm(1.0)]
    if any(bool((sample.force_weight > 0).any()) for sample in samples):
        terms.append(ForcesTerm(1.0))
    if potential.predicts_stress and any(sample.has_stress for sample in samples):
        terms.append(StressTerm(1.0))
    return terms
