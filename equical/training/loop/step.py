"""One training step and one pass of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equical.model import Potential
from equical.prediction import Prediction
from equical.training.data.batching import Batch, collate, plan_batches
from equical.training.data.dataset import Sample
from equical.training.loop.distributed import World
from equical.training.loop.loss import LossTerm, loss_sums
from equical.training.loop.metrics import Comparison

__all__ = ["Evaluation", "compare", "evaluate", "train_step"]


def train_step(
    potential: Potential,
    optimizer: torch.optim.Optimizer,
    batch: Batch | None,
    terms: Sequence[LossTerm],
    coefficients: Sequence[float],
    *,
    clip_norm: float | None = None,
    world: World | None = None,
    bfloat16: bool = False,
) -> tuple[Tensor, Tensor]:
    """Predict, differentiate the loss, update the weights.

    Args:
        potential: the model.
        optimizer: over its parameters.
        batch: this process's share of the batch; None if it has none.
        terms: of the loss.
        coefficients: factor of each term in this step.
        clip_norm: longest gradient.
        world: the processes that share the batch.
        bfloat16: multiply in this precision where autocast finds it safe.

    Returns:
        Mean error of each term over the whole batch, with the norm of the gradient before clipping as last entry; and
        for each of these whether anything was averaged. ``[terms + 1]`` float64 both, left on the device.
    """
    world = world or World()
    optimizer.zero_grad(set_to_none=True)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    device = parameters[0].device
    sums = totals = torch.zeros(len(terms), dtype=torch.float64, device=device)
    if batch is not None:
        with _precision(device, bfloat16):
            prediction = _predict(potential, batch, terms, create_graph=True)
        sums, totals = loss_sums(terms, prediction, batch)
    totals = totals.detach().clone()
    world.sum_([totals])
    means = sums / totals.clamp(min=1e-12)
    if batch is not None:
        factors = torch.tensor(coefficients, dtype=torch.float64, device=device)
        with _precision(device, bfloat16):  # the second derivative goes through the same products as the first
            (factors * means).sum().backward()
    means = means.detach().clone()
    if world.size > 1:
        _share_gradients(parameters, world)
        world.sum_([means])
    limit = float("inf") if clip_norm is None else clip_norm
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit, foreach=True)
    optimizer.step()
    one = torch.ones(1, dtype=torch.float64, device=device)
    return torch.cat([means, norm.detach().double().reshape(1)]), torch.cat([(totals > 0).double(), one])


def _share_gradients(parameters: Sequence[torch.nn.Parameter], world: World) -> None:
    """Sum gradients over processes; a weight that none has used keeps none, and the optimiser leaves it alone."""
    flags = [float(parameter.grad is not None) for parameter in parameters]
    used = torch.tensor(flags, dtype=torch.float64, device=parameters[0].device)
    world.sum_([used])
    shared = [parameter for parameter, count in zip(parameters, used.tolist(), strict=True) if count]
    gradients = []
    for parameter in shared:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    world.sum_(gradients)


@dataclass(frozen=True)
class Evaluation:
    """Errors of a model on a set of samples.

    Attributes:
        loss: weighted sum of the terms.
        comparison: labels beside predictions, in the order of the samples.
    """

    loss: float
    comparison: Comparison


def evaluate(
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
) -> Evaluation:
    """Predict every sample, without keeping anything for the weights' gradient; processes share the batches."""
    world = world or World()
    batches = plan_batches(samples, range(len(samples)), max_atoms=max_atoms, max_edges=max_edges)
    parts: list[tuple[int, Comparison, Any, Any]] = []
    for number in range(world.rank, len(batches), world.size):
        members = [samples[index] for index in batches[number]]
        batch = collate(members, skip_fixed=skip_fixed).to(device)
        with _precision(device, bfloat16):
            prediction = _predict(potential, batch, terms, create_graph=False)
        sums, totals = loss_sums(terms, prediction, batch)
        sums = sums.detach()
        parts.append((number, compare(prediction, batch, members), sums.cpu().numpy(), totals.cpu().numpy()))
    parts = sorted((part for share in world.gather(parts) for part in share), key=lambda part: part[0])
    sums_all = np.sum([part[2] for part in parts], axis=0)
    totals_all = np.sum([part[3] for part in parts], axis=0)
    coefficients = np.array([term.coefficient for term in terms])
    loss = float((coefficients * sums_all / np.maximum(totals_all, 1e-12)).sum())
    return Evaluation(loss, Comparison.join([part[1] for part in parts]))


def compare(prediction: Prediction, batch: Batch, samples: Sequence[Sample]) -> Comparison:
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


def _predict(potential: Potential, batch: Batch, terms: Sequence[LossTerm], *, create_graph: bool) -> Prediction:
    names = {term.name for term in terms}
    return potential.predict(
        batch.graph,
        forces="forces" in names,
        stress="stress" in names,
        create_graph=create_graph,
        encoding=batch.encoding,
    )


def _precision(device: torch.device | str, bfloat16: bool) -> AbstractContextManager[Any]:
    if not bfloat16:
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)
