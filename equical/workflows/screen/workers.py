"""Who does the tasks: processes of this machine, a cluster of Dask that somebody has started, or this very process."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from heapq import heappop, heappush
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from equical.errors import InputError
from equical.workflows.common.notes import warn
from equical.workflows.screen.tasks import Finished, Task, relax_tasks

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskWorkers", "ThisProcess", "Workers", "find_workers", "pickled"]

CONNECT = 15
"""s to wait for a scheduler."""

LOOK = 5
"""s without news, after which to see whether there are workers at all."""

PATIENCE = 300
"""s for workers of this machine that have died to come back; one that dies while it starts does not."""


class Workers(Protocol):
    """Takes tasks, and gives back what came of them in whatever order they end."""

    def idle(self) -> int:
        """How many of them have nothing to do.

        Raises:
            InputError: the workers are gone.
        """

    def submit(self, tasks: Sequence[Task]) -> None:
        """Take tasks that one worker shall do together."""

    def finished(self, *, wait: bool) -> list[Finished]:
        """All that have ended by now; ``wait`` for one where there is none.

        Raises:
            InputError: the workers are gone, or cannot work at all.
        """


@contextmanager
def find_workers(maker: bytes, number: int | None, scheduler: str | None, memory: str | None) -> Iterator[Workers]:
    """Workers that are there within the block.

    Args:
        maker: pickled function that makes the calculator.
        number: of processes on this machine; 0 for none beside this one, None for one a core.
        scheduler: address of a Dask scheduler in place of processes on this machine.
        memory: that each process of this machine may take, such as ``"4GB"``; an equal share of all by default.

    Raises:
        InputError: Dask is missing, the scheduler cannot be reached, or the numbers make no sense.
    """
    if scheduler and (number is not None or memory is not None):
        raise InputError(
            "the number of workers and their memory are up to the cluster: leave them out with --scheduler"
        )
    if number is not None and number < 0:
        raise InputError(f"workers must be a whole number from 0 on, got {number}")
    if number == 0:
        yield ThisProcess(maker)
        return
    with ExitStack() as stack:
        stack.enter_context(_quiet_dask())
        if scheduler:
            client = stack.enter_context(_connected(scheduler))
        else:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            client = stack.enter_context(_local(number or cores, memory))
        yield DaskWorkers(client, maker, scheduler)


class ThisProcess:
    """Does one task after the other, without Dask."""

    def __init__(self, maker: bytes) -> None:
        self._maker = maker
        self._waiting: list[tuple[bool, int, Sequence[Task]]] = []
        self._order = count()

    def idle(self) -> int:
        """See :class:`Workers`."""
        return int(not self._waiting)

    def submit(self, tasks: Sequence[Task]) -> None:
        """See :class:`Workers`."""
        heappush(self._waiting, (not tasks[0].urgent, next(self._order), tasks))

    def finished(self, *, wait: bool) -> list[Finished]:
        """See :class:`Workers`."""
        return relax_tasks(self._maker, heappop(self._waiting)[-1]) if wait else []


class DaskWorkers:
    """Hands tasks to a scheduler of Dask, which gives those of workers that die to others."""

    def __init__(self, client: Client, maker: bytes, scheduler: str | None) -> None:
        self._client, self._maker, self._scheduler = client, maker, scheduler
        self._ended: SimpleQueue[Future] = SimpleQueue()
        self._under_way: dict[str, tuple[Sequence[Task], Future]] = {}

    def idle(self) -> int:
        """See :class:`Workers`."""
        return max(self._threads() - len(self._under_way), 0)

    def submit(self, tasks: Sequence[Task]) -> None:
        """See :class:`Workers`."""
        from dask.tokenize import tokenize

        # Named after all that decides it: a scheduler serves several runs, and joins tasks of the same name.
        name = f"{tasks[0].kind}-{tokenize(pickle.dumps(tasks), self._maker)}"
        with self._scheduler_there():
            future = self._client.submit(relax_tasks, self._maker, tasks, key=name, priority=int(tasks[0].urgent))
        self._under_way[name] = tasks, future
        future.add_done_callback(self._ended.put)

    def finished(self, *, wait: bool) -> list[Finished]:
        """See :class:`Workers`."""
        while True:
            ended = [self._next()] if wait else []
            while not self._ended.empty():
                ended.append(self._ended.get())
            found = [one for future in ended for one in self._results(future)]
            if found or not wait:
                return found

    def _threads(self) -> int:
        """Tasks that can be done at the same time, as things are."""
        with self._scheduler_there():
            return sum(self._client.nthreads().values())

    def _next(self) -> Future:
        """Wait for what ends next, as long as somebody works on it; a cluster may have to wait for its workers."""
        there = time.monotonic()
        while True:
            with suppress(Empty):
                return self._ended.get(timeout=LOOK)
            if self._scheduler or self._threads():
                there = time.monotonic()
            elif time.monotonic() - there > PATIENCE:
                raise InputError("all workers have died and none came back: what was finished is kept; use --resume")

    def _results(self, future: Future) -> list[Finished]:
        """What came of tasks; nothing yet where workers died of several, which are tried one by one then."""
        from distributed import KilledWorker

        tasks, _ = self._under_way.pop(future.key)
        try:
            with self._scheduler_there():
                return future.result()
        except KilledWorker as error:
            if len(tasks) > 1:
                for task in tasks:
                    self.submit([task])
                return []
            died = error.allowed_failures + 1
            reason = f"{died} workers died of it: out of memory, or killed from outside"
            return [Finished(tasks[0].key, None, reason)]
        except _SchedulerGone:
            raise
        except Exception as error:  # not of a calculation, which fails for itself
            what = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            raise InputError(f"a worker cannot work: {what}; it needs what is installed and at hand here") from error

    @contextmanager
    def _scheduler_there(self) -> Iterator[None]:
        """Tell one error by whatever Dask raises where its scheduler is gone."""
        from distributed.comm import CommClosedError

        try:
            yield
        except Exception as error:
            if isinstance(error, CancelledError | CommClosedError) or self._client.status != "running":
                where = f" {self._scheduler}" if self._scheduler else ""
                raise _SchedulerGone(
                    f"the scheduler{where} is gone: what was finished is kept; go on with --resume once there is one"
                ) from error
            raise


class _SchedulerGone(InputError):
    """The scheduler does not answer any more."""


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot reach a Dask scheduler at {address}: {error}") from error
    with client:
        if not client.scheduler_info()["workers"]:
            warn(f"the scheduler {address} has no workers yet; waiting for some")
        yield client


def dask_setup(worker: object) -> None:
    """What Dask calls in a worker of this machine that preloads this module: Ctrl-C, which a terminal sends to all
    processes, is for the driver to answer, which ends its workers; they would print tracebacks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _local(number: int, memory: str | None) -> Iterator[Client]:
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.worker-saturation": 1.0,  # one task at a time is with a worker: none is lost beside it
    }
    try:
        with dask.config.set(settings):
            cluster = LocalCluster(
                n_workers=number,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",  # any free port, for nobody else
                memory_limit=memory or "auto",
                silence_logs=logging.CRITICAL,
                preload=[__name__],
            )
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"cannot start workers: {error}") from error
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


@contextmanager
def _quiet_dask() -> Iterator[None]:
    """Let what Dask logs not come between our lines; it is told as an error where it matters.

    Raises:
        InputError: Dask is not installed.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "workers need Dask: pip install 'equical[screen]', or work in this process alone with --workers 0"
        ) from None
    logger = logging.getLogger("distributed")
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def pickled(make: Any) -> bytes:
    """A function without arguments, to be called by workers.

    Raises:
        InputError: it cannot be sent to other processes.
    """
    try:
        from cloudpickle import dumps  # comes with Dask, and takes functions of scripts along
    except ImportError:
        from pickle import dumps
    try:
        return dumps(make)
    except Exception as error:  # whatever an object may raise
        raise InputError(
            f"the calculator cannot be sent to workers ({error}): give a model's name, or a function that makes it"
        ) from error
