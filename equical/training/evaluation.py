"""How good is a model on labelled structures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from equical.errors import InputError
from equical.model import Potential
from equical.training.config import DataConfig
from equical.training.data.dataset import Frame, Sample, make_samples
from equical.training.data.elements import symbols
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.references import ReferenceFit, fit_references
from equical.training.loop.evaluate import evaluate_samples
from equical.training.loop.loss import EnergyTerm, ForcesTerm, LossTerm, StressTerm
from equical.training.report.metrics import Comparison, error_summary, errors_by_element, errors_by_group

__all__ = ["EvaluationResult", "evaluate_model"]


@dataclass(frozen=True)
class EvaluationResult:
    """Errors of a model on a data set.

    Attributes:
        errors: MAE and RMSE of energy per atom, forces and stress, and the mean cosine between forces; units are in the
            names.
        by_group: the same for each group (trajectory) of more than one structure, or each data set without groups.
        by_element: errors of forces on each element.
        structures: how many.
        atoms: how many, in all structures.
        shift: eV for each atomic number added to the model's energies to bring it onto the data's zero; None if not
            asked for.
        comparison: labels and predictions.
    """

    errors: dict[str, float]
    by_group: dict[str, dict[str, float]]
    by_element: dict[str, dict[str, float]]
    structures: int
    atoms: int
    shift: ReferenceFit | None
    comparison: Comparison


def evaluate_model(
    potential: Potential,
    frames: Sequence[Frame],
    config: DataConfig,
    *,
    shift_references: bool = False,
    device: torch.device | str = "cpu",
    max_atoms: int = 1000,
    max_edges: int = 60000,
) -> EvaluationResult:
    """Compare predictions with labels.

    Args:
        potential: the model.
        frames: labelled structures.
        config: the data set they come from.
        shift_references: fit the difference of the zeros of energy by element, and take it out.
        device: where to compute.
        max_atoms: of one batch.
        max_edges: of one batch.

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
    )
    comparison, fit = evaluation.comparison, None
    if shift_references:
        fit = fit_references([f.atoms.numbers for f in frames], comparison.energy_label - comparison.energy)
        shift = [sum(fit.energies[int(z)] for z in frame.atoms.numbers) for frame in frames]
        comparison = replace(comparison, energy=comparison.energy + np.array(shift))
    return EvaluationResult(
        errors=error_summary(comparison),
        by_group=errors_by_group(comparison),
        by_element=errors_by_element(comparison),
        structures=len(frames),
        atoms=int(comparison.atoms.sum()),
        shift=fit,
        comparison=comparison,
    )


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
