"""What a user should know before trusting a result: said once, kept with the result.

Whatever a workflow has to say goes through :func:`warn`. It reaches the user as a Python warning, which the command
line prints as one line, and ends up in the ``warnings`` of the result, which ``result.json`` holds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from equical.errors import frames_within

__all__ = ["WorkflowWarning", "has_noted", "noted_warnings", "warn"]


class WorkflowWarning(UserWarning):
    """A shortcoming of a structure, a model or a run; the result carries it too."""


_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


def warn(message: str) -> None:
    """Tell the user, and note it for the result of the run that goes on; the same message is told once in a run."""
    noted = _noted.get()
    if noted is not None:
        if message in noted:
            return
        noted.append(message)
    warnings.warn(message, WorkflowWarning, stacklevel=frames_within())


def has_noted(words: str) -> bool:
    """Whether the run that goes on has told, itself or by a run that was part of it, anything with these words."""
    return any(words in message for message in _noted.get() or ())


@contextmanager
def noted_warnings() -> Iterator[list[str]]:
    """The warnings given within the block; they are also noted for the run that this one is part of."""
    noted: list[str] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
        outer = _noted.get()
        if outer is not None:
            outer.extend(message for message in noted if message not in outer)
