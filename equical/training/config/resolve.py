"""Configurations in whatever form they are given: as files, as dictionaries, or checked already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from pydantic import ValidationError

from equical.errors import InputError
from equical.training.config.complaint import complaint
from equical.training.config.run import TrainConfig, load_config, parse_config
from equical.training.config.sections import DataConfig

__all__ = ["ConfigSource", "DataSource", "resolve_config", "resolve_data"]

ConfigSource = TrainConfig | Mapping[str, Any] | str | PathLike[str]
"""A training configuration: checked, as nested dictionaries, or the path of a YAML file."""

DataSource = DataConfig | Mapping[str, Any] | str | PathLike[str] | Sequence[str | PathLike[str]]
"""A data set: checked, as a dictionary of its keys, or the path or the paths of its files."""


def resolve_config(config: ConfigSource) -> TrainConfig:
    """The configuration, checked.

    Raises:
        InputError: a key or a value is wrong, or the file is not readable.
    """
    if isinstance(config, TrainConfig):
        return config
    return parse_config(config) if isinstance(config, Mapping) else load_config(config)


def resolve_data(data: DataSource) -> DataConfig:
    """The data set, checked; its files are not looked at.

    Raises:
        InputError: a key or a value is wrong.
    """
    if isinstance(data, DataConfig):
        return data
    values: dict[str, Any] = {}
    if isinstance(data, Mapping):
        values = dict(data)
    else:
        paths = [data] if isinstance(data, str | PathLike) else list(data)
        if not all(isinstance(path, str | PathLike) for path in paths):
            raise InputError("data are given as files: write structures first, ase.io.write('data.extxyz', images)")
        values = {"paths": paths}
    try:
        return DataConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(f"data: {complaint(error)}") from error
