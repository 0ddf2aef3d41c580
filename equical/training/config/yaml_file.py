"""YAML files as plain values; whatever is wrong with one is told in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from equical.errors import InputError

__all__ = ["read_yaml"]

DEEPEST = 50
"""Levels of lists and mappings within each other; a configuration has six."""

LARGEST = 100_000
"""Values in all, those that an alias repeats counted each time."""


class _OnceEach(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which YAML's own readers keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, whose keys all differ."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if isinstance(key, str) and key != "<<" and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} stands here twice", problem_mark=key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The values in a file.

    Raises:
        InputError: the file is no YAML, has a key twice, or holds values that no configuration has.
    """
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_OnceEach)
    except RecursionError:
        raise InputError(f"{path} is not readable as YAML: its lists and mappings lie too deep in each other") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not readable as YAML: it is no text in UTF-8") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not readable as YAML: {' '.join(str(error).split())[:300]}") from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:  # raised by what makes dates and numbers
        reason = str(error).partition(":")[0]
        raise InputError(f"{path} is not readable as YAML: a date or number in it is none ({reason})") from error
    wrong = _unusable(values)
    if wrong:
        raise InputError(f"{path} is no configuration: {wrong}")
    return values


def _unusable(values: Any) -> str:
    """What no configuration has, if there is any."""
    count, level = 0, [values]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            if isinstance(value, str) and not _is_text(value):
                return "it holds characters that are no text"
            if isinstance(value, dict):
                below += [*value.keys(), *value.values()]
            elif isinstance(value, list | tuple | set):
                below += value
            if count + len(below) > LARGEST:
                return f"it holds more than {LARGEST:,} values"
        count, level = count + len(below), below
        if not level:
            return ""
    return "its lists and mappings lie too deep in each other"


def _is_text(value: str) -> bool:
    """Whether files can be named so: no null, nothing that UTF-8 lacks."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False
