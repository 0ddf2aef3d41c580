"""AdamW with decay on matrices only; learning rate as a function of progress."""

from __future__ import annotations

from collections import defaultdict
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from equical.errors import InputError
from equical.model import Potential
from equical.training.config import OptimizerConfig, ScheduleConfig

__all__ = ["learning_rate_factor", "make_optimizer", "plain_state", "set_capturable", "set_learning_rate"]
__all__ += ["trainable_names"]

HEADS = ("energy_head", "force_head", "stress_head", "noise_head", "force_embedding")
"""Parts of a network that are not its backbone."""


def make_optimizer(potential: Potential, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the parameters that are not frozen, and freeze the others.

    Raises:
        InputError: ``freeze`` names nothing, or everything.
    """
    trainable = trainable_names(potential, config.freeze)
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    spared = _without_decay(potential)
    for name, parameter in potential.network.named_parameters():
        parameter.requires_grad_(name in trainable)
        if name in trainable:
            decay = 0.0 if name in spared else config.weight_decay
            rate = 1.0 if name.startswith(HEADS) else config.backbone_rate
            groups[decay, rate].append(parameter)
    return torch.optim.AdamW(
        [{"params": members, "weight_decay": d, "rate_factor": rate} for (d, rate), members in sorted(groups.items())],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def trainable_names(potential: Potential, frozen: list[str]) -> set[str]:
    """Names of the parameters outside the parts that stay as they are.

    Raises:
        InputError: a part does not exist, or nothing is left to train.
    """
    names = [name for name, _ in potential.network.named_parameters()]
    for part in frozen:
        if not any(_within(name, part) for name in names):
            known = sorted({name.split(".")[0] for name in names} - {"blocks"})
            blocks = sorted({".".join(name.split(".")[:2]) for name in names if name.startswith("blocks.")})
            raise InputError(f"freeze: the network has no part {part!r}; its parts are {', '.join([*known, *blocks])}")
    trainable = {name for name in names if not any(_within(name, part) for part in frozen)}
    if not trainable:
        raise InputError("freeze leaves nothing to train; freeze fewer parts")
    return trainable


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
    """Set the rate of every group, each with its own factor; in place where it is a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate * group["rate_factor"])
        else:
            group["lr"] = rate * group["rate_factor"]


def set_capturable(optimizer: torch.optim.Optimizer, capturable: bool) -> None:
    """Whether steps may be part of a CUDA graph, which wants learning rates in the memory of the device.

    They are in single precision there, which is what torch's fused kernel reads.
    """
    for group in optimizer.param_groups:
        rate, device = float(group["lr"]), group["params"][0].device
        group["lr"] = torch.tensor(rate, dtype=torch.float32, device=device) if capturable else rate
        group["capturable"] = capturable


def plain_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state for a checkpoint, the same whichever way steps are taken, so that another way can go on from it."""
    state = optimizer.state_dict()
    groups = [{**group, "lr": float(group["lr"]), "capturable": False} for group in state["param_groups"]]
    return {**state, "param_groups": groups}


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")


def _without_decay(potential: Potential) -> set[str]:
    """Names of biases, norms and embeddings."""
    names = set()
    for prefix, module in potential.network.named_modules():
        spared = isinstance(module, nn.Embedding) or "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False):
            if spared or parameter.ndim < 2 or name.endswith("bias"):
                names.add(f"{prefix}.{name}" if prefix else name)
    return names
