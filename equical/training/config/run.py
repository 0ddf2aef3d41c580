"""Everything a training run needs, from one YAML file; every unknown key is refused with a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from equical.errors import InputError
from equical.model import ModelConfig
from equical.model.potential import EnergyKind
from equical.training.config.sections import (
    BatchConfig,
    DataConfig,
    DenoisingConfig,
    LimitsConfig,
    LossConfig,
    OptimizerConfig,
    OutputConfig,
    ScheduleConfig,
    Section,
    ValidationConfig,
    unknown_key,
)

__all__ = [
    "BatchConfig",
    "DataConfig",
    "DenoisingConfig",
    "LimitsConfig",
    "LossConfig",
    "OptimizerConfig",
    "OutputConfig",
    "ScheduleConfig",
    "StageConfig",
    "TrainConfig",
    "ValidationConfig",
    "described",
    "load_config",
    "parse_config",
]


class StageConfig(Section):
    """One stretch of training.

    Attributes:
        name: for reports.
        model: changes of the model's heads, ``forces: direct`` or ``forces: gradient``.
        loss: its terms and their weights.
        denoising: DeNS, off by default.
        optimizer: learning rate, averages of the weights, parts that stay as they are.
        schedule: of the learning rate.
        batch: size of a step.
        limits: when the stage ends.
        checkpoint_activations: compute activations again in the backward pass instead of keeping them: half the
            memory or less for about a third more time.
    """

    name: str = "train"
    model: dict[str, Any] = Field(default_factory=dict)
    loss: LossConfig = LossConfig()
    denoising: DenoisingConfig = DenoisingConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    batch: BatchConfig = BatchConfig()
    limits: LimitsConfig = LimitsConfig(max_epochs=100)
    checkpoint_activations: bool = False


class TrainConfig(Section):
    """One training run.

    Attributes:
        model: architecture of a new model; leave out with ``start_from``.
        start_from: name or folder of a model to continue from.
        data: training sets.
        validation: held-out data.
        training: settings of every stage.
        stages: what each stage does differently from ``training``; without any there is one stage.
        reference_energies: energies of single atoms in eV by symbol, instead of a least-squares fit.
        ridge: strength of the pull towards a common energy per atom in that fit, relative to one structure.
        seed: of weights, split and order.
        refit_references: with ``start_from``, shift the model's reference energies onto the data's zero first.
        new_elements: with ``start_from``, accept elements that the model was not trained for.
        energy_kind: what the energies in the data are, total energies or adsorption energies relative to clean slab and
            gas; that of the model in ``start_from`` if absent, total for a new one.
        dtype: precision of weights and arithmetic; ``bfloat16`` keeps float32 weights and multiplies in bfloat16.
        threads: CPU threads; torch's choice if absent.
        output: folder, and how often to write.
    """

    model: ModelConfig | None = None
    start_from: str | None = None
    data: list[DataConfig] = Field(min_length=1)
    validation: ValidationConfig = ValidationConfig()
    training: StageConfig = StageConfig()
    stages: list[dict[str, Any]] = Field(default_factory=list)
    reference_energies: dict[str, float] | None = None
    ridge: float = Field(default=0.0, ge=0)
    seed: int = Field(default=0, ge=0)
    refit_references: bool = True
    new_elements: bool = False
    energy_kind: EnergyKind | None = None
    dtype: Literal["float32", "float64", "bfloat16"] = "float32"
    device: str = "auto"
    threads: int | None = Field(default=None, ge=1)
    output: OutputConfig = OutputConfig()

    @field_validator("stages", mode="after")
    @classmethod
    def _stage_keys(cls, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for stage in stages:
            for key in stage:
                if key not in StageConfig.model_fields:
                    raise ValueError(unknown_key(str(key), list(StageConfig.model_fields)))
        return stages

    @model_validator(mode="after")
    def _one_model(self) -> TrainConfig:
        if (self.model is None) == (self.start_from is None):
            raise ValueError("give exactly one of `model` (a new network) and `start_from` (a model to continue)")
        if self.start_from is None and any(data.references == "base" for data in self.data):
            raise ValueError("references: base needs start_from, whose zero of energy it means")
        names = [data.label for data in self.data]
        if len(set(names)) != len(names):
            raise ValueError(f"two data sets have the same name {names}; set `name` for each")
        return self

    @property
    def precision(self) -> torch.dtype:
        """Type of weights and labels."""
        return torch.float64 if self.dtype == "float64" else torch.float32

    @property
    def plan(self) -> list[StageConfig]:
        """The stages in order, each complete."""
        base = self.training.model_dump(exclude_unset=True)
        if not self.stages:
            return [self.training]
        return [
            StageConfig.model_validate(_merged(base, {"name": f"stage{number}", **stage}))
            for number, stage in enumerate(self.stages, start=1)
        ]


def load_config(path: str | Path) -> TrainConfig:
    """Read and check a training YAML; relative paths in it start at its own folder.

    Raises:
        InputError: the file is missing, is no YAML, or a key or value in it is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no training configuration at {path}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold `key: value` lines; the keys are {', '.join(TrainConfig.model_fields)}")
    return parse_config(values, folder=path.parent, name=str(path))


def parse_config(values: dict[str, Any], folder: Path = Path(), name: str = "configuration") -> TrainConfig:
    """Check a configuration given as nested dicts; relative paths start at ``folder``."""
    try:
        config = TrainConfig.model_validate(values)
        for stage in config.plan:
            if config.model is not None:
                ModelConfig.model_validate({**config.model.model_dump(), **stage.model})
    except ValidationError as error:
        raise InputError(f"{name}: {_complaint(error)}") from error
    return _with_absolute_paths(config, folder)


def described(config: TrainConfig) -> dict[str, Any]:
    """The configuration for a model's metadata: plain values, and names of files without their places."""
    values = config.model_dump(mode="json", exclude={"output", "threads", "device"})
    for data in [*values["data"], *values["validation"]["data"]]:
        data["paths"] = [Path(path).name for path in data["paths"]]
    if values["start_from"] is not None:
        values["start_from"] = Path(values["start_from"]).name
    return values


def _with_absolute_paths(config: TrainConfig, folder: Path) -> TrainConfig:
    def located(data: DataConfig) -> DataConfig:
        return data.model_copy(update={"paths": [folder / path for path in data.paths]})

    output = config.output
    if output.directory is not None:
        output = output.model_copy(update={"directory": folder / output.directory})
    start_from = config.start_from
    if start_from is not None and (folder / start_from).is_dir():
        start_from = str(folder / start_from)
    validation = config.validation.model_copy(update={"data": [located(data) for data in config.validation.data]})
    changes = {
        "data": [located(data) for data in config.data],
        "validation": validation,
        "output": output,
        "start_from": start_from,
    }
    return config.model_copy(update=changes)


def _complaint(error: ValidationError) -> str:
    """The first thing wrong, with its place."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":  # keys of the model, which are checked there
        where = ".".join(str(part) for part in first["loc"][:-1]) or "model"
        message = unknown_key(str(first["loc"][-1]), list(ModelConfig.model_fields))
    return f"{where}: {message}" if where else message


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = _merged(result[key], value)
        result[key] = value
    return result
