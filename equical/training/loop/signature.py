"""What a run and its resumption must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from equical.errors import InputError
from equical.training.config import TrainConfig, described

__all__ = ["check_signature", "run_signature"]


def run_signature(config: TrainConfig, provenance: dict[str, Any]) -> dict[str, Any]:
    """Everything that decides the weights of a run: configuration, contents of data files, and weights it starts from.

    Places of files, output, device, execution, threads and number of processes are left out.
    """
    files = {
        f"{number} ({entry['name']})": [file["sha256"] for file in entry["files"]]
        for number, entry in enumerate(provenance["data"])
    }
    return {"config": described(config), "data files": files, "starting model": provenance.get("starting_model")}


def check_signature(saved: dict[str, Any], current: dict[str, Any], path: Path) -> None:
    """Refuse to resume with another configuration or other data.

    Raises:
        InputError: naming what differs.
    """
    before, now = _flat(saved | {"config": _completed(saved["config"])}), _flat(current)
    different = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    if different:
        key = different[0]
        more = f" (and {len(different) - 1} more: {', '.join(different[1:4])})" if len(different) > 1 else ""
        raise InputError(
            f"cannot resume {path}: {key} was {before.get(key, 'absent')!r} and is now {now.get(key, 'absent')!r}"
            f"{more}; restore it, or start a new run with start_from"
        )


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration with the defaults of keys that are newer than it."""
    try:
        return described(TrainConfig.model_validate(config))
    except ValidationError:
        return config


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts and lists as one dict with dotted keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return {prefix: value}
    result: dict[str, Any] = {}
    for key, item in items:
        result |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
    return result
