"""One training step: the function, and the plain way to take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from equical.model import Potential
from equical.training.data.batching import TrainingBatch
from equical.training.loop.distributed import World
from equical.training.loop.forward import multiplying_in, predict_batch
from equical.training.loop.loss import LossTerm, loss_sums
from equical.training.loop.optimizer import set_learning_rate
from equical.training.loop.recompute import recomputing_activations
from equical.training.loop.stages import Stage

__all__ = ["Controls", "PlainStep", "TrainingStep", "differentiate", "train_step"]


@dataclass(frozen=True)
class Controls:
    """What schedules decide for one step.

    Attributes:
        rate: learning rate, before the factors of groups.
        coefficients: factor of each term of the loss.
        share: of the new weights in their moving average.
    """

    rate: float
    coefficients: Sequence[float]
    share: float


class TrainingStep(Protocol):
    """Takes the steps of a stage, one batch after the other."""

    def __call__(self, batch: TrainingBatch | None, controls: Controls) -> tuple[Tensor, Tensor]:
        """Change the weights, the optimiser's state and the average of the weights.

        Args:
            batch: this process's share of the batch, on the CPU; None if it has none.
            controls: of this step.

        Returns:
            As :func:`train_step`; good until the next step.
        """


@dataclass(frozen=True)
class PlainStep:
    """Takes each step as it comes, one operation after the other.

    Attributes:
        stage: what changes.
        bfloat16: multiply in this precision where autocast finds it safe.
        world: the processes that share a batch.
    """

    stage: Stage
    bfloat16: bool = False
    world: World = field(default_factory=World)

    def __call__(self, batch: TrainingBatch | None, controls: Controls) -> tuple[Tensor, Tensor]:
        """See :class:`TrainingStep`."""
        set_learning_rate(self.stage.optimizer, controls.rate)
        moved = None if batch is None else batch.to(self.stage.device)
        return self.run(moved, controls.coefficients, controls.share)

    def run(
        self, batch: TrainingBatch | None, coefficients: Sequence[float] | Tensor, share: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """The step itself, with the learning rate that the optimiser has, on the device of the stage."""
        stage, settings = self.stage, self.stage.config
        with recomputing_activations(stage.potential, settings.checkpoint_activations):
            outcome = train_step(
                stage.potential,
                stage.optimizer,
                batch,
                stage.terms,
                coefficients,
                clip_norm=settings.optimizer.clip_norm,
                world=self.world,
                bfloat16=self.bfloat16,
            )
        stage.average.take_in(share)
        return outcome


def train_step(
    potential: Potential,
    optimizer: torch.optim.Optimizer,
    batch: TrainingBatch | None,
    terms: Sequence[LossTerm],
    coefficients: Sequence[float] | Tensor,
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
    means, totals = differentiate(potential, batch, terms, coefficients, world=world, bfloat16=bfloat16)
    if world.size > 1:
        _share_gradients(parameters, world)
        world.sum_([means])
    limit = float("inf") if clip_norm is None else clip_norm
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit, foreach=True)
    optimizer.step()
    one = torch.ones(1, dtype=torch.float64, device=device)
    return torch.cat([means, norm.detach().double().reshape(1)]), torch.cat([(totals > 0).double(), one])


def differentiate(
    potential: Potential,
    batch: TrainingBatch | None,
    terms: Sequence[LossTerm],
    coefficients: Sequence[float] | Tensor,
    *,
    world: World,
    bfloat16: bool = False,
) -> tuple[Tensor, Tensor]:
    """Add the gradient of the loss, as far as it comes from this process's share of the batch, to the weights' own.

    Returns:
        This share of the mean error of each term; and what the terms of all processes were divided by. ``[terms]``
        float64 both.
    """
    device = potential.reference_energies.device
    sums = totals = torch.zeros(len(terms), dtype=torch.float64, device=device)
    if batch is not None:
        with multiplying_in(device, bfloat16):
            prediction = predict_batch(potential, batch, terms, create_graph=True)
        sums, totals = loss_sums(terms, prediction, batch)
    totals = totals.detach().clone()
    world.sum_([totals])
    means = sums / totals.clamp(min=1e-12)
    if batch is not None:
        factors = torch.as_tensor(coefficients, dtype=torch.float64, device=device)
        with multiplying_in(device, bfloat16):  # the second derivative goes through the same products as the first
            (factors * means).sum().backward()
    return means.detach().clone(), totals


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
