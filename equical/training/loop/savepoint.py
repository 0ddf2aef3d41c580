"""All that a training step changes, at one moment, to go back to."""

from __future__ import annotations

import torch
from torch import Tensor

from equical.training.loop.stages import Stage

__all__ = ["Savepoint"]


class Savepoint:
    """Copies of the weights, their average and the optimiser's state, at the moment it is made.

    Args:
        stage: to go back with; tensors keep their places.
    """

    def __init__(self, stage: Stage):
        self.stage = stage
        self._kept = {tensor: tensor.detach().clone() for tensor in _changing(stage)}

    @torch.no_grad()
    def restore(self) -> None:
        """Make everything what it was. State that was not there yet becomes zero, as new state begins."""
        for tensor in _changing(self.stage):
            if tensor in self._kept:
                tensor.copy_(self._kept[tensor])
            else:
                tensor.zero_()


def _changing(stage: Stage) -> list[Tensor]:
    moments = [value for state in stage.optimizer.state.values() for value in state.values()]
    return [*stage.potential.parameters(), *stage.average.weights, *moments]
