"""Options that say where the labels of a data set stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from equical.cli.options import FORMAT_HELP, SPECIES_HELP

__all__ = ["data_values", "label_options", "labels_of"]

Command = TypeVar("Command", bound=Callable[..., Any])

LABELS = {
    "energy_key": click.option("--energy-key", default="energy", show_default=True, help="Where energies (eV) stand."),
    "forces_key": click.option(
        "--forces-key", default="forces", show_default=True, help="Where the forces stand; none: no forces."
    ),
    "stress_key": click.option(
        "--stress-key", default="stress", show_default=True, help="Where the stress stands; none: no stress."
    ),
    "group_key": click.option("--group-key", help="Key that names the trajectory of a frame."),
    "file_format": click.option("--format", "file_format", metavar="NAME", help=FORMAT_HELP),
    "species": click.option("--species", metavar="LIST", help=SPECIES_HELP),
}


def label_options(command: Command) -> Command:
    """Add the options that :func:`data_values` takes."""
    for option in reversed(LABELS.values()):
        command = option(command)
    return command


def labels_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of :func:`label_options` among the options of a command."""
    return {name: options[name] for name in LABELS}


def data_values(
    paths: Sequence[Path],
    *,
    energy_key: str,
    forces_key: str,
    stress_key: str,
    group_key: str | None,
    file_format: str | None,
    species: str | None,
) -> dict[str, Any]:
    """The options as a data set of a training configuration; keys left at their default stay out of it."""
    values: dict[str, Any] = {"paths": list(paths), "energy_key": energy_key}
    values |= {
        name: value
        for name, value in {"group_key": group_key, "format": file_format, "species": species}.items()
        if value is not None
    }
    for option, key in (("forces", forces_key), ("stress", stress_key)):
        if key != option:
            values[f"{option}_key"] = None if key.lower() == "none" else key
    return values
