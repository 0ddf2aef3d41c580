"""The buffers that a captured training step reads: a padded batch, and what schedules decide for one step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from equical.graph import AtomGraph
from equical.model import ForceEncoding
from equical.training.data.batching import TrainingBatch
from equical.training.loop.step import Controls

__all__ = ["StaticBatch"]


@dataclass(frozen=True)
class StaticBatch:
    """Buffers for batches of one size. Every write fills all of them, so there are no unused places.

    Attributes:
        batch: structures and labels, padded.
        coefficients: ``[terms]`` float64, factor of each term of the loss.
        share: scalar float64, of the new weights in their moving average.
    """

    batch: TrainingBatch
    coefficients: Tensor
    share: Tensor

    @classmethod
    def around(cls, padded: TrainingBatch, controls: Controls, device: torch.device) -> Self:
        """Buffers that hold this batch, which is theirs from now on, and others of its size later."""
        numbers = [*controls.coefficients, controls.share]
        schedule = torch.tensor(numbers, dtype=torch.float64, device=device)
        return cls(padded.to(device), schedule[:-1], schedule[-1])

    @property
    def device(self) -> torch.device:
        """Where the buffers are."""
        return self.share.device

    def tensors(self) -> tuple[Tensor, ...]:
        """The buffers."""
        return *_tensors(self.batch), self.coefficients, self.share

    def write(self, padded: TrainingBatch, controls: Controls) -> None:
        """Replace everything by another batch of the same size and the numbers of its step."""
        for buffer, values in zip(_tensors(self.batch), _tensors(padded), strict=True):
            assert buffer.shape == values.shape
            buffer.copy_(values, non_blocking=True)
        self.coefficients.copy_(torch.tensor(controls.coefficients, dtype=torch.float64), non_blocking=True)
        self.share.fill_(controls.share)

    def poison(self) -> None:
        """Nothing to spoil: no place is unused."""


def _tensors(part: TrainingBatch | AtomGraph | ForceEncoding) -> Iterator[Tensor]:
    """The tensors of a batch in the order of its attributes; those of an encoding only where there is one."""
    for value in vars(part).values():
        if isinstance(value, Tensor):
            yield value
        elif value is not None:
            yield from _tensors(value)
