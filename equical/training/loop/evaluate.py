"""One pass of evaluation: every sample predicted and laid beside its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equical.model import Potential
from equical.model.frozen import freeze
from equical.prediction import Prediction
from equical.training.data.batching import TrainingBatch, collate, plan_batches
from equical.training.data.samples import Sample
from equical.training.loop.distributed import World
from equical.training.loop.forward import multiplying_in, predict_batch
from equical.training.loop.loss import LossTerm, loss_sums
from equical.training.report.metrics import Comparison

__all__ = ["EVALUATION_FACTOR", "Evaluation", "compare", "evaluate_samples"]

EVALUATION_FACTOR = 2
"""Batches of an evaluation may be this much larger than those of training: no second derivative is wanted of them."""


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model on a set of samples.

    Attributes:
        loss: weighted sum of the terms.
        comparison: labels beside predictions, in the order of the samples.
    """

    loss: float
    comparison: Comparison


def evaluate_samples(
    potential: Potential,
    samples: Sequence[Sample],
    terms: Sequence[LossTerm],
    *,
    max_atoms: int,
    max_edges: int,
    device: torch.device | str = "cpu",
    world: World | None = None,
    skip_fixed: bool = True,
    bfloat16: bool = False,
    watched: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Evaluation:
    """Predict every sample, without keeping anything for the weights' gradient; processes share the batches.

    Args:
        potential: the model.
        samples: at least one.
        terms: of the loss.
        max_atoms: of one batch.
        max_edges: of one batch.
        device: where to compute.
        world: the processes that share the batches.
        skip_fixed: leave out forces on atoms that were held fixed.
        bfloat16: multiply in this precision where autocast finds it safe.
        watched: goes through the numbers of the batches, with a progress bar for instance.
    """
    world = world or World()
    # Pieces have a type of their own, which autocast would not change.
    frozen = potential if bfloat16 else freeze(potential)
    batches = plan_batches(samples, range(len(samples)), max_atoms=max_atoms, max_edges=max_edges)
    parts: list[tuple[int, Comparison, Any, Any]] = []
    for number in watched(range(world.rank, len(batches), world.size)):
        members = [samples[index] for index in batches[number]]
        batch = collate(members, skip_fixed=skip_fixed).to(device)
        with multiplying_in(device, bfloat16):
            prediction = predict_batch(frozen, batch, terms, create_graph=False)
        sums, totals = loss_sums(terms, prediction, batch)
        sums = sums.detach()
        parts.append((number, compare(prediction, batch, members), sums.cpu().numpy(), totals.cpu().numpy()))
    parts = sorted((part for share in world.gather(parts) for part in share), key=lambda part: part[0])
    sums_all = np.sum([part[2] for part in parts], axis=0)
    totals_all = np.sum([part[3] for part in parts], axis=0)
    coefficients = np.array([term.coefficient for term in terms])
    loss = float((coefficients * sums_all / np.maximum(totals_all, 1e-12)).sum())
    return Evaluation(loss, Comparison.join([part[1] for part in parts]))


def compare(prediction: Prediction, batch: TrainingBatch, samples: Sequence[Sample]) -> Comparison:
    """Lay a prediction beside the labels of its batch."""
    stressed = (batch.stress_weight > 0).cpu().numpy()
    group = np.array([sample.dataset for sample in samples])
    forces, stress = prediction.forces, prediction.stress
    if forces is None:
        forces = torch.zeros_like(batch.forces)
    if stress is None:
        stress, stressed = torch.zeros_like(batch.stress), np.zeros_like(stressed)
    return Comparison(
        atoms=batch.atoms.cpu().numpy(),
        energy=_array(prediction.energy),
        energy_label=_array(batch.energy),
        group=group,
        numbers=batch.graph.numbers.cpu().numpy(),
        forces=_array(forces),
        forces_label=_array(batch.forces),
        scored=(batch.force_weight > 0).cpu().numpy() & (prediction.forces is not None),
        stress=_array(stress)[stressed],
        stress_label=_array(batch.stress)[stressed],
        stress_group=group[stressed],
    )


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
