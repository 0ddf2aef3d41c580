"""All keys of a training configuration, from the classes that check them: for a terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from equical.training.config.run import TrainConfig

__all__ = ["Key", "as_markdown", "as_text", "config_keys"]

WIDTH, KEY, DEFAULT = 100, 27, 11
"""Columns of a terminal: in all, of the name of a key, and of its default."""

WORDS = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path", dict: "mapping"}
SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
GLUE = "\u00a0"
"""A space that no line is broken at."""
LARGE = 100
"""Limits from here on are there to catch slips, and not worth telling."""


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        path: its names, from the outermost.
        default: as YAML has it; empty for a block of further keys, ``"required"`` where there is none.
        kind: what its values are; empty for a block.
        meaning: in one sentence.
        block: whether further keys stand below it.
    """

    path: tuple[str, ...]
    default: str
    kind: str
    meaning: str
    block: bool


def config_keys() -> list[Key]:
    """Every key, in the order of the classes, each block before the keys in it."""
    return list(_walk(TrainConfig, None, (), set()))


def as_text() -> str:
    """The keys as a terminal shows them, in 100 columns."""
    lines = ["Keys of a training configuration (YAML): default, meaning [values]", ""]
    for key in config_keys():
        name = "  " * (len(key.path) - 1) + key.path[-1] + (":" if key.block else "")
        kind = f" [{key.kind}]".replace(" ", GLUE).replace(GLUE, " ", 1) if key.kind else ""
        text = wrap(key.meaning + kind, WIDTH - KEY - DEFAULT)
        head = f"{name:<{KEY}}{key.default:<{DEFAULT - 1}} "
        if len(head) > KEY + DEFAULT:
            lines.append(head.rstrip())
            head = ""
        for line in text:
            lines.append(f"{head:<{KEY + DEFAULT}}{line}".replace(GLUE, " "))
            head = ""
    return "\n".join(lines)


def as_markdown(level: int = 3) -> str:
    """The keys as tables, one for each block, below headings of this level."""
    keys = config_keys()
    parts = []
    for block in [(), *(key.path for key in keys if key.block)]:
        rows = [key for key in keys if key.path[:-1] == block]
        if not rows:
            continue
        if block:
            meaning = next(key.meaning for key in keys if key.path == block)
            parts.append(f"{'#' * level} `{'.'.join(block)}`\n\n{meaning[0].upper()}{meaning[1:]}.")
        cells = [(f"`{key.path[-1]}`", key.default and f"`{key.default}`", key.kind, key.meaning) for key in rows]
        lines = ["| key | default | values | meaning |", "|---|---|---|---|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _walk(model: type[BaseModel], filled: Any, path: tuple[str, ...], seen: set[type[BaseModel]]) -> Iterator[Key]:
    """The keys of a class; ``filled`` is the block as it is where nothing is said of it, if it may be left out."""
    for name, field in model.model_fields.items():
        here, meaning = (*path, name), field.description or ""
        inner = _block(field.annotation)
        listed = get_origin(field.annotation) is list
        if inner is None:
            default = _default(field) if filled is None else _yaml(getattr(filled, name))
            yield Key(here, default, _kind(field.annotation, field.metadata), meaning, False)
        elif inner in seen:
            yield Key(here, _default(field), f"a list like `{name}`", meaning, False)
        else:
            seen.add(inner)
            yield Key(here, "", "list" if listed else "", meaning, True)
            block = None if listed or field.is_required() else field.get_default(call_default_factory=True)
            yield from _walk(inner, block, here, seen)


def _block(annotation: Any) -> type[BaseModel] | None:
    """The class of a block of keys, also where it is one of a list or may be left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for item in get_args(annotation) if (found := _block(item))), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _yaml(field.get_default(call_default_factory=True))


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(str(value) if isinstance(value, Path) else value, default_flow_style=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _kind(annotation: Any, limits: list[Any]) -> str:
    """What values may be, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0], [limit for extra in inner[1:] for limit in getattr(extra, "metadata", [extra])])
    if origin in (Union, UnionType):
        names = [_kind(item, limits) for item in inner if item is not NoneType]
        return _either([*names, *(["null"] if NoneType in inner else [])])
    if origin is Literal:
        return _either(list(map(str, inner)))
    if origin is list:
        return f"list of {_kind(inner[0], limits)}"
    if origin is tuple:
        return f"[{', '.join(_kind(item, []) for item in inner)}]"
    return " ".join([WORDS.get(origin or annotation, "value"), " and ".join(_limits(limits))]).strip()


def _either(names: list[str]) -> str:
    """
    >>> _either(["l1", "huber", "null"])
    'l1, huber or null'
    """
    return " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _limits(limits: list[Any]) -> Iterator[str]:
    for limit in limits:
        for name, sign in SIGNS.items():
            value = getattr(limit, name, None)
            if value is not None and abs(value) < LARGE:
                yield f"{sign} {value:g}"
