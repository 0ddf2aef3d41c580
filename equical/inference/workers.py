"""Threads that compute side by side, each on one core."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import torch

__all__ = ["WorkerThreads"]

P = ParamSpec("P")
T = TypeVar("T")


class WorkerThreads:
    """A context in which functions run in threads that share no operation of torch among cores.

    Args:
        count: threads. With one, functions run in the calling thread, as soon as they are submitted.
    """

    def __init__(self, count: int):
        self.count = count
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> WorkerThreads:
        if self.count > 1:
            self._threads = torch.get_num_threads()
            # The setting holds for the thread that makes it, and for threads that are started later.
            self._pool = ThreadPoolExecutor(self.count, initializer=torch.set_num_threads, initargs=(1,))
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
            torch.set_num_threads(self._threads)

    def submit(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> Future[T]:
        """Run a function as soon as a thread is free."""
        if self._pool is not None:
            return self._pool.submit(function, *arguments, **keywords)
        done: Future[T] = Future()
        try:
            done.set_result(function(*arguments, **keywords))
        except Exception as error:
            done.set_exception(error)
        return done
