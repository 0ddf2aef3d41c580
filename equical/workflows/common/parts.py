"""Parts of a result that are kept as they come, so that a killed run goes on after the last of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from equical.errors import InputError
from equical.files import write_json
from equical.workflows.common.folder import RunFolder

__all__ = ["PARTS", "Parts"]

PARTS = "parts.json"
"""Where they are kept; a run that keeps parts names it among the files that it leaves."""


class Parts:
    """Parts of a result, by name, in one file of a run's folder; without a folder they are only computed.

    For parts that are few, of plain numbers and words, and about the whole run; calculations on structures are kept by
    :class:`.Evaluations`. Whether the run is the same is for :meth:`.RunFolder.begin` to say, which comes before.

    Args:
        folder: of the run, which has begun.

    Raises:
        InputError: the file of an earlier run is damaged.
    """

    def __init__(self, folder: RunFolder):
        self._path = folder / PARTS if folder else None
        self._known: dict[str, Any] = {}
        if self._path is not None and folder.resume:
            try:
                self._known = json.loads(self._path.read_text("utf-8"))
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{self._path} is damaged, so the run cannot go on; start anew with --overwrite"
                ) from error

    def get(self, name: str, compute: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """The part as JSON has it, where an earlier run has left it; else computed, kept, and as it was computed."""
        if name in self._known:
            return self._known[name]
        part = compute()
        if self._path is not None:
            self._known[name] = part
            write_json(self._path, self._known)
        return part
