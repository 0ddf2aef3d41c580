"""A limit to how long something may take, kept even within a step that does not come back."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["OutOfTime", "interrupted_after"]


class OutOfTime(BaseException):
    """Time is up. No ``Exception``, since evaluators take those for an execution that does not work."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise :class:`OutOfTime` within the block when it takes longer.

    This takes the alarm of the operating system, which only the main thread gets and Windows does not have. Elsewhere,
    and where somebody else waits for that alarm, the block takes as long as it takes. An operation of torch is
    interrupted when it is done.
    """
    if math.isinf(seconds) or not _alarm_is_ours_to_take():
        yield
        return
    armed = True

    def ring(number: int, frame: FrameType | None) -> None:
        if armed:
            raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
        yield
    finally:
        armed = False  # the alarm may be on its way
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _alarm_is_ours_to_take() -> bool:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getitimer(signal.ITIMER_REAL)[0] == 0
