"""What is wrong with a configuration, in one sentence that says where and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from textwrap import shorten

from pydantic import BaseModel, ValidationError

from equical.model import EquiformerV1Config, ModelConfig

__all__ = ["complaint", "unknown_key"]

NEW_MODELS: dict[str, type[BaseModel]] = {"v1": EquiformerV1Config, "v3": ModelConfig}
"""Classes that check the keys of a model, by its generation."""

LONGEST = 60
"""Characters of what a user wrote that a sentence repeats."""


def complaint(error: ValidationError) -> str:
    """The first thing wrong, with its place."""
    first = error.errors()[0]
    place, keys = list(first["loc"]), NEW_MODELS["v3"]
    if place[:1] == ["model"] and len(place) > 1 and place[1] in NEW_MODELS:  # which generation was meant
        keys = NEW_MODELS[str(place.pop(1))]
    elif error.title == EquiformerV1Config.__name__:
        keys = NEW_MODELS["v1"]
    where = ".".join(str(part) for part in place)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":  # keys of the model, which are checked there
        where = ".".join(str(part) for part in place[:-1]) or "model"
        message = unknown_key(str(place[-1]), list(keys.model_fields))
    return f"{where}: {message}" if where else message


def unknown_key(key: str, known: Sequence[str]) -> str:
    """That there is no such key, and which one may be meant."""
    close = difflib.get_close_matches(key[:LONGEST], known, n=1)
    advice = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key `{shorten(key, LONGEST, placeholder='…')}`; {advice}"
