"""AdamW with decay on matrices only; learning rate as a function of progress."""

from __future__ import annotations

from math import cos, pi

import torch
from torch import nn

from equical.training.config import OptimizerConfig, ScheduleConfig

__all__ = ["learning_rate_factor", "make_optimizer", "set_learning_rate"]


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over all trainable parameters."""
    decay, plain = _split_parameters(model)
    groups = [{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def learning_rate_factor(config: ScheduleConfig, step: int, progress: float) -> float:
    """Factor on the learning rate.

    Args:
        config: shape of the schedule.
        step: optimiser steps done in this stage.
        progress: share of the stage that is done, 0 to 1, by whichever limit is nearest.
    """
    factor = 1.0
    if config.kind == "cosine":
        factor = config.final + (1 - config.final) * 0.5 * (1 + cos(pi * min(progress, 1.0)))
    if step < config.warmup_steps:
        factor *= config.warmup_start + (1 - config.warmup_start) * step / config.warmup_steps
    return factor


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group; a group may scale it by its ``rate_factor``."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1.0)


def _split_parameters(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters with and without weight decay."""
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for module in model.modules():
        spared = isinstance(module, nn.Embedding) or "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                bias = parameter.ndim < 2 or name.endswith("bias")
                (plain if spared or bias else decay).append(parameter)
    return decay, plain
