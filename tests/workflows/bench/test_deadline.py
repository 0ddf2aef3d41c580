"""What takes too long is interrupted, and nothing else is."""

import contextlib
import signal
import threading
import time

import pytest

from equical.workflows.bench.deadline import OutOfTime, interrupted_after


def busy(seconds=20.0, until=lambda: False):
    """Work that handles every exception it knows of."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        with contextlib.suppress(Exception):
            time.sleep(0.001)


alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such alarm")


@alarm
def test_what_takes_too_long_is_interrupted():
    with pytest.raises(OutOfTime), interrupted_after(0.05):
        busy()


@alarm
def test_what_is_in_time_is_left_in_peace_and_so_is_what_follows():
    before = signal.getsignal(signal.SIGALRM)
    for seconds in (3600, float("inf")):
        with interrupted_after(seconds):
            busy(0.01)
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
        assert signal.getsignal(signal.SIGALRM) == before


@alarm
def test_the_alarm_of_others_is_theirs():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *about: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with interrupted_after(0.01):
            busy(until=lambda: rung)
        with pytest.raises(OutOfTime), interrupted_after(0.01):
            busy()
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        busy(until=lambda: len(rung) > 1)
        assert rung == [1, 1]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_take_as_long_as_they_take():
    done = []

    def work():
        with interrupted_after(0.01):
            busy(0.05)
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
