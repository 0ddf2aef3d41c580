"""What a run says while it goes on."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from equical.workflows.common.progress import progress_bar

__all__ = ["Terminal"]

LAYOUT = "{percentage:5.1f}% |{bar:30}| {elapsed} < {remaining}  {postfix}"


class Terminal:
    """Lines on standard output, and on a terminal a bar with the time that is left; or nothing at all.

    Args:
        speak: whether the user wants to see it.
    """

    def __init__(self, speak: bool):
        self._speak = speak
        self._bar = progress_bar(None, "", "", show=speak, total=1.0, bar_format=LAYOUT, leave=False)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._speak:
            self._bar.write(line)

    def show(self, share: float, status: str) -> None:
        """Move the bar to the share of the run that is done, 0 to 1, with a few words beside it."""
        self._bar.set_postfix_str(status, refresh=False)
        self._bar.update(share - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
