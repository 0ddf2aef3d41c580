"""What users are told: the one exception that means "the input is at fault, do this about it", and a notice."""

import sys

__all__ = ["InputError", "ModelChoice", "frames_within"]


class InputError(ValueError):
    """A user's mistake, told in one clear line: what was wrong and what to do.

    The command line prints the message and exits with code 1; library users catch it as a ``ValueError``. Names and
    values in it may come from anybody's file, so what would break the line, or command the terminal, becomes a space.
    """

    def __init__(self, message: str):
        super().__init__("".join(character if character.isprintable() else " " for character in message))


class ModelChoice(UserWarning):
    """Which model was chosen, and why: nothing is wrong, but numbers depend on it."""


def frames_within() -> int:
    """``stacklevel`` for ``warnings.warn``: how far up the caller of the package is, whose line a warning is about."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_within(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_within(module: str) -> bool:
    return module.partition(".")[0] in ("equical", "contextlib")
