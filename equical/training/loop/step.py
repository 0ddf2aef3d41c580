"""One training step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equical.model import Potential
from equical.training.data.batching import TrainingBatch
from equical.training.loop.distributed import World
from equical.training.loop.forward import multiplying_in, predict_batch
from equical.training.loop.loss import LossTerm, loss_sums

__all__ = ["train_step"]


def train_step(
    potential: Potential,
    optimizer: torch.optim.Optimizer,
    batch: TrainingBatch | None,
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
        with multiplying_in(device, bfloat16):
            prediction = predict_batch(potential, batch, terms, create_graph=True)
        sums, totals = loss_sums(terms, prediction, batch)
    totals = totals.detach().clone()
    world.sum_([totals])
    means = sums / totals.clamp(min=1e-12)
    if batch is not None:
        factors = torch.tensor(coefficients, dtype=torch.float64, device=device)
        with multiplying_in(device, bfloat16):  # the second derivative goes through the same products as the first
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
