"""Training steps captured as CUDA graphs: a graph for each size of buffers, and a replay for each step.

A small step is thousands of small kernels, and launching them takes longer than running them. A graph launches all of
them at once: forward pass, forces, their derivatives, clipping, optimiser and average of the weights. What schedules
change from step to step is read from buffers. What a stage holds fast (longest gradient, betas, decay) is frozen in.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from equical.inference.backends import Backend
from equical.training.data.batching import TrainingBatch
from equical.training.loop.buckets import BatchSize, Buckets
from equical.training.loop.optimizer import set_capturable, set_learning_rate
from equical.training.loop.padding import pad_batch
from equical.training.loop.savepoint import Savepoint
from equical.training.loop.static_batch import StaticBatch
from equical.training.loop.step import Controls, PlainStep
from equical.workflows.common.notes import warn

__all__ = ["CapturedStep"]

SMALL_ERROR = 0.01
"""eV an atom, eV/Å, eV/Å³: errors below this are compared as if they were as large, for they are differences."""


@dataclass(frozen=True)
class Prepared:
    """A step made ready for batches up to some size: its buffers, and what runs it on them."""

    inputs: StaticBatch
    replay: Callable[[], Tensor]


class CapturedStep:
    """Takes the steps that a :class:`~equical.training.loop.step.PlainStep` takes, by replay.

    The first replay of every size is compared with the plain step. If they differ, or a step cannot be captured, there
    is one warning, and from then on every step is the plain one.

    Args:
        plain: the step in one process. Its optimiser gets its learning rates on the device, and must keep its state
            where it is: load a state before.
        backend: what captures.
        buckets: sizes of buffers.

    Attributes:
        given_up: whether every step is the plain one.
        captures: how many there were.
    """

    def __init__(self, plain: PlainStep, backend: Backend[StaticBatch], buckets: Buckets):
        assert plain.world.size == 1
        self.plain, self.backend, self.buckets = plain, backend, buckets
        self.stage = plain.stage
        self.given_up = False
        self.captures = 0
        self._prepared: dict[Hashable, Prepared] = {}
        set_capturable(self.stage.optimizer, True)

    def __call__(self, batch: TrainingBatch | None, controls: Controls) -> tuple[Tensor, Tensor]:
        """See :class:`~equical.training.loop.step.TrainingStep`."""
        if batch is None or self.given_up:
            return self.plain(batch, controls)
        size = self.buckets.holding(BatchSize.of(batch))
        # Without DeNS in a batch the weights for it have no gradient, and the optimiser leaves them alone.
        key = (size, batch.encoding is not None)
        padded = pad_batch(batch, size, self.stage.potential)
        if key not in self._prepared:
            before = Savepoint(self.stage)
            try:
                with warnings.catch_warnings():
                    # That an optimiser for graphs also steps without one is what warming up and comparing mean.
                    warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
                    self._prepared[key], outcome = self._prepare(batch, padded, controls, before)
            except (RuntimeError, ArithmeticError) as error:
                before.restore()
                self._give_up(error)
                return self.plain(batch, controls)
            return outcome
        prepared = self._prepared[key]
        set_learning_rate(self.stage.optimizer, controls.rate)
        prepared.inputs.write(padded, controls)
        return _unpacked(prepared.replay())

    def _run(self, inputs: StaticBatch) -> Tensor:
        """What is captured: the plain step, with everything it found in one tensor."""
        return torch.stack(self.plain.run(inputs.batch, inputs.coefficients, inputs.share))

    def _prepare(
        self, batch: TrainingBatch, padded: TrainingBatch, controls: Controls, before: Savepoint
    ) -> tuple[Prepared, tuple[Tensor, Tensor]]:
        """Capture, and take the step by a first replay; ``ArithmeticError`` unless the plain step does the same."""
        expected = self.plain(batch, controls)
        expected_moments = _first_moments(self.stage.optimizer)
        before.restore()
        inputs = StaticBatch.around(padded, controls, self.stage.device)
        prepared = Prepared(inputs, self.backend.prepare(self._run, inputs))
        self.captures += 1
        before.restore()  # what the capture did on the way
        outcome = _unpacked(prepared.replay())
        tolerance = _tolerance(self.stage.potential.dtype, self.plain.bfloat16)
        _compare_losses(outcome[0], expected[0], tolerance)
        _compare_gradients(_first_moments(self.stage.optimizer), expected_moments, tolerance)
        return prepared, outcome

    def _give_up(self, error: Exception) -> None:
        self.given_up = True
        self._prepared.clear()
        set_capturable(self.stage.optimizer, False)
        reason = " ".join(str(error).split())[:300]
        warn(
            f"stage {self.stage.config.name}: steps cannot run as CUDA graphs here and are eager from now on, which is "
            f"slower but gives the same results ({type(error).__name__}: {reason})"
        )


def _unpacked(packed: Tensor) -> tuple[Tensor, Tensor]:
    return packed[0], packed[1]


def _first_moments(optimizer: torch.optim.Optimizer) -> Tensor:
    """``[weights]``, the optimiser's averages of gradients, of all weights that had one."""
    return torch.cat([state["exp_avg"].flatten() for state in optimizer.state.values()])


def _compare_losses(found: Tensor, expected: Tensor, tolerance: float) -> None:
    difference = float(((found - expected).abs() / (expected.abs() + SMALL_ERROR)).max())
    if not difference <= tolerance:
        raise ArithmeticError(f"losses differ by {difference:.1e} of their size")


def _compare_gradients(found: Tensor, expected: Tensor, tolerance: float) -> None:
    difference = float((found - expected).norm() / expected.norm().clamp(min=1e-12))
    if not difference <= tolerance:
        raise ArithmeticError(f"gradients differ by {difference:.1e} of their size")


def _tolerance(dtype: torch.dtype, bfloat16: bool) -> float:
    """What the order of additions, and reduced precision where it is allowed, may change."""
    if dtype == torch.float64:
        return 1e-8
    return 0.05 if bfloat16 else 1e-3
