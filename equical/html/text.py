"""Text that comes from anybody's file, made safe for where it goes in a page."""

from __future__ import annotations

import json
from html import escape
from math import isfinite
from typing import Any

import numpy as np

__all__ = ["as_data", "as_text", "number"]

SMALL = 1e-3
"""Numbers below are mostly errors and residues, of which three digits say enough."""


def as_text(value: Any) -> str:
    """What stands between tags or in quotes: no character in it means anything to a browser."""
    return escape("".join(one if one.isprintable() or one == "\n" else " " for one in str(value)))


def as_data(value: Any) -> str:
    """JSON for a ``<script>``, which nothing in it can end: the parser of HTML finds no ``<``."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def number(value: float, decimals: int | None = None) -> str:
    """A number to look at, with a minus that is one; a dash for one that is none."""
    if not isfinite(value):
        return "–"
    if isinstance(value, int | np.integer):
        form = "d"
    elif decimals is None:
        form = "z.6g" if abs(value) >= SMALL else "z.3g"
    else:
        form = f"z.{decimals}f"  # no −0.00
    return format(value, form).replace("-", "−")
