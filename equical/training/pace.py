"""How fast to go with few data: batch, learning rate and warm-up of a fine-tuning by its number of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["Pace", "pace_for"]

MOST_ATOMS = 256
"""Of a step, as far as it is up to us; a larger structure makes a step of its own."""

FRAMES_PER_STEP = 0.2
"""Times the square root of the number of frames: 1 of 20, 2 of 100, 4 of 500. Small steps are many, and the noise of
their gradients keeps a model from learning few frames by heart."""

BUNDLE_ATOMS, STEPS_PER_PASS = 32, 10
"""Very small structures share a step up to so many atoms, which costs no more, as long as a pass has so many steps."""

HIGHEST_RATE, LOWEST_RATE = 5e-4, 1e-4
"""Learning rate of steps of ``MOST_ATOMS``, and the lowest; between them with the square root of a step's atoms, as the
noise of the gradients has it."""


@dataclass(frozen=True)
class Pace:
    """How a model is adapted to so many frames.

    Attributes:
        frames: structures to learn from.
        batch_atoms: atoms in one step.
        learning_rate: highest of the schedule.
        warmup_steps: steps until it is reached.
    """

    frames: int
    batch_atoms: int
    learning_rate: float
    warmup_steps: int

    def __str__(self) -> str:
        return (
            f"{self.frames} frames to learn from: {self.batch_atoms} atoms a step, learning rate "
            f"{self.learning_rate:.2g} after {self.warmup_steps} steps"
        )


def pace_for(
    images: Sequence[Atoms],
    held_out: float,
    *,
    batch_atoms: int | None = None,
    learning_rate: float | None = None,
) -> Pace:
    """The pace for structures of which a share is held out.

    Args:
        images: all of them.
        held_out: share for validation.
        batch_atoms: atoms in one step, where that is stated.
        learning_rate: where that is stated.
    """
    frames = max(1, round(len(images) * (1 - held_out)))
    mean = max(1.0, sum(map(len, images)) / max(1, len(images)))
    if batch_atoms is None:
        few = mean * max(1.0, FRAMES_PER_STEP * sqrt(frames))
        bundle = min(BUNDLE_ATOMS, mean * frames / STEPS_PER_PASS)
        batch_atoms = min(ceil(max(few, bundle)), MOST_ATOMS)
    if learning_rate is None:
        scaled = HIGHEST_RATE * sqrt(max(mean, batch_atoms) / MOST_ATOMS)
        learning_rate = float(f"{min(max(scaled, LOWEST_RATE), HIGHEST_RATE):.2g}")
    steps = frames / max(1.0, batch_atoms / mean)
    return Pace(frames, batch_atoms, learning_rate, min(100, max(5, round(steps / 4))))
