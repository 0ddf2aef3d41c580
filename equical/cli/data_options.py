"""Options that say where the labels of a data set stand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from equical.training.config import DataConfig

__all__ = ["data_config", "data_values", "label_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

LABELS = (
    click.option("--energy-key", default="energy", show_default=True, help="Where the energies (eV) stand."),
    click.option("--forces-key", default="forces", show_default=True, help="Where the forces stand; none: no forces."),
    click.option("--stress-key", default="stress", show_default=True, help="Where the stress stands; none: no stress."),
    click.option("--group-key", help="Key that names the trajectory of a frame."),
)


def label_options(command: Command) -> Command:
    """Add ``--energy-key``, ``--forces-key``, ``--stress-key`` and ``--group-key``."""
    for option in reversed(LABELS):
        command = option(command)
    return command


def data_values(
    paths: list[Path], energy_key: str, forces_key: str, stress_key: str, group_key: str | None
) -> dict[str, Any]:
    """The options as a ``data`` entry of a training configuration; keys left at their default stay out of it."""
    values: dict[str, Any] = {"paths": [str(path) for path in paths], "energy_key": energy_key}
    if group_key is not None:
        values["group_key"] = group_key
    for option, key in (("forces", forces_key), ("stress", stress_key)):
        if key != option:
            values[f"{option}_key"] = None if key.lower() == "none" else key
    return values


def data_config(
    paths: list[Path], energy_key: str, forces_key: str, stress_key: str, group_key: str | None
) -> DataConfig:
    """The options as a checked data set."""
    from pydantic import ValidationError

    from equical.errors import InputError
    from equical.training.config import DataConfig

    try:
        return DataConfig.model_validate(data_values(paths, energy_key, forces_key, stress_key, group_key))
    except ValidationError as error:
        raise InputError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
