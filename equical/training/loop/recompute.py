"""Trade time for memory: compute activations again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch.utils.checkpoint import checkpoint

from equical.model import Potential

__all__ = ["recomputing_activations"]


@contextmanager
def recomputing_activations(potential: Potential, active: bool = True) -> Iterator[None]:
    """Inside the block each transformer block keeps its inputs only. Results and gradients are the same numbers."""
    blocks = list(potential.network.blocks) if active else []
    for block in blocks:
        plain: Callable[..., Any] = block.forward
        # The network draws no random numbers, so there is no generator state to bring back.
        block.forward = partial(checkpoint, plain, use_reentrant=False, preserve_rng_state=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward
