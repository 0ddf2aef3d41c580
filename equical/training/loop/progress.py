"""Where a run is: counters, limits, the clock, and a polite way to be interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

from equical.training.config import LimitsConfig

__all__ = ["Clock", "Progress", "StopRequest", "heed_signals"]


@dataclass
class Progress:
    """Counters of a run; all that is needed to find the place again.

    Attributes:
        stage: number of the current stage.
        step: optimiser steps since the beginning.
        stage_step, stage_seconds: the same, and the time, since the stage began.
        epoch: finished passes over the data in this stage.
        position: batches of the current pass already used.
        seconds: time spent in all.
        best_loss, best_step: lowest validation loss of this stage (or what else models are chosen by), and where.
        stale: evaluations since then.
        evaluated_step: when the last evaluation was.
        done: whether the last stage has reached its end.
    """

    stage: int = 0
    step: int = 0
    stage_step: int = 0
    stage_seconds: float = 0.0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    best_loss: float = float("inf")
    best_step: int = 0
    stale: int = 0
    evaluated_step: int = -1
    done: bool = False

    def share_done(self, limits: LimitsConfig, batches: int) -> float:
        """Share of the stage that is done, by the limit that is nearest, 0 to 1."""
        shares = [0.0]
        if limits.max_steps is not None:
            shares.append(self.stage_step / limits.max_steps)
        if limits.max_epochs is not None:
            shares.append((self.epoch + self.position / batches) / limits.max_epochs)
        if limits.max_minutes is not None:
            shares.append(self.stage_seconds / (60 * limits.max_minutes))
        return min(max(shares), 1.0)

    def next_stage(self) -> None:
        """Start the counters of the next stage."""
        self.stage += 1
        self.stage_step = self.epoch = self.position = self.stale = self.best_step = 0
        self.stage_seconds, self.best_loss = 0.0, float("inf")

    def as_dict(self) -> dict[str, Any]:
        """For the saved state."""
        return asdict(self)


class Clock:
    """Seconds since the last look."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def tick(self) -> float:
        """Time since the previous call."""
        now = time.monotonic()
        passed, self.last = now - self.last, now
        return passed


class StopRequest:
    """Set by SIGINT or SIGTERM; looked at between steps."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def heed_signals() -> Iterator[StopRequest]:
    """Inside the block the first SIGINT or SIGTERM asks to stop at the next step; a second SIGINT stops at once."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if request.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
