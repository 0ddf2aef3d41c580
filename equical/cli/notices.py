"""Python's warnings as a command's user should see them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from equical.errors import ModelChoice

__all__ = ["warn_of_old_option", "warnings_as_lines"]

Value = TypeVar("Value")


@contextmanager
def warnings_as_lines(quiet: bool) -> Iterator[None]:
    """Print each warning that is for users as one line on standard error, without the file and line it comes from.

    Which model was chosen is told in the same way, without the word.

    Args:
        quiet: print none; workflows keep what they warn of in their results.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if quiet else "default", UserWarning)
        usual = warnings.showwarning
        told: set[str] = set()

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, UserWarning):
                line = " ".join(str(message).split())
                if line in told:  # a structure is looked at before and within the workflow
                    return
                told.add(line)
                word = "" if issubclass(category, ModelChoice) else "warning: "
                click.echo(f"equical: {word}{line}", err=True)
            else:
                usual(message, category, *where)

        warnings.showwarning = show  # type: ignore[assignment]
        yield


def warn_of_old_option(old: str, new: str, value: Value) -> Value:
    """Say that an option has another name now, and return what was given for it."""
    warnings.warn(f"{old} is called {new} now, and will be refused in the next release", stacklevel=2)
    return value
