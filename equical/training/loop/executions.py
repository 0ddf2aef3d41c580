"""The ways to take the steps of a stage, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch

from equical.errors import InputError
from equical.inference.backends import CudaGraphBackend
from equical.training.config.run import TrainExecution
from equical.training.loop.buckets import Buckets
from equical.training.loop.captured import CapturedStep
from equical.training.loop.step import PlainStep, TrainingStep

__all__ = ["make_step", "require_execution"]


def require_execution(execution: TrainExecution, device: torch.device) -> None:
    """Refuse what there is not on this device.

    Raises:
        InputError: CUDA graphs on a CPU.
    """
    if execution == "cuda-graph" and device.type != "cuda":
        raise InputError("execution: cuda-graph needs a CUDA device, and this run is on a CPU; use auto")


def make_step(
    plain: PlainStep, execution: TrainExecution, buckets: Callable[[], Buckets], say: Callable[[str], None]
) -> TrainingStep:
    """What takes the steps of a stage: captured on a GPU, unless that is not wanted or not possible.

    Args:
        plain: the step, with its model on the device.
        execution: see :data:`~equical.training.config.run.TrainExecution`.
        buckets: makes the sizes of buffers, where they are needed.
        say: receives a line that says what cannot be captured.
    """
    if execution == "eager" or plain.stage.device.type != "cuda":
        return plain
    if plain.world.size > 1:
        say("steps are eager: what several processes share in one is not captured as a CUDA graph")
        return plain
    return CapturedStep(plain, CudaGraphBackend(), buckets())
