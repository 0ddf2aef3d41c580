"""Everything a training run needs, from one YAML file; every unknown key is refused with a suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from equical.errors import InputError
from equical.model import EquiformerV1Config, ModelConfig
from equical.model.potential import EnergyKind
from equical.training.config.complaint import complaint, unknown_key
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
)
from equical.training.config.yaml_file import read_yaml

__all__ = ["StageConfig", "TrainConfig", "TrainExecution", "described", "load_config", "parse_config"]

TrainExecution = Literal["auto", "eager", "cuda-graph"]
"""
- ``auto``: ``cuda-graph`` on a GPU, ``eager`` on a CPU.
- ``eager``: one operation after the other, in tensors as large as the batch.
- ``cuda-graph``: padded, and captured once for each size of buffers; the launch of thousands of kernels becomes one.
"""


def _generation(model: Any) -> str:
    return str(model.get("generation", "v3") if isinstance(model, Mapping) else getattr(model, "generation", "v3"))


NewModel = Annotated[
    Annotated[ModelConfig, Tag("v3")] | Annotated[EquiformerV1Config, Tag("v1")],
    Discriminator(
        _generation,
        custom_error_type="generation",
        custom_error_message="generation: new models are v3, or v1; published ones of v2 are continued with start_from",
    ),
]
"""Architectures that training can begin with."""


class StageConfig(Section):
    """One stretch of training."""

    name: str = Field("train", description="how reports call the stage")
    model: dict[str, Any] = Field(
        default_factory=dict, description="changes of the model's heads, `forces: direct` or `forces: gradient`"
    )
    loss: LossConfig = Field(LossConfig(), description="weighted sum of terms, each a mean over what has the label")
    denoising: DenoisingConfig = Field(
        DenoisingConfig(), description="DeNS: denoising of structures out of equilibrium (arXiv 2403.09549)"
    )
    optimizer: OptimizerConfig = Field(
        OptimizerConfig(), description="AdamW: learning rate, averages of the weights, parts that stay as they are"
    )
    schedule: ScheduleConfig = Field(
        ScheduleConfig(), description="the learning rate in the course of a stage: warm-up, then a cosine or constant"
    )
    batch: BatchConfig = Field(
        BatchConfig(), description="how many structures make a step: as many as both limits allow"
    )
    limits: LimitsConfig = Field(
        LimitsConfig(max_epochs=100),
        description="when a stage ends: at the first limit that is met, which also ends the cosine",
    )
    checkpoint_activations: bool = Field(
        False,
        description=(
            "compute activations again in the backward pass instead of keeping them: half the memory or less for "
            "about a third more time"
        ),
    )


class TrainConfig(Section):
    """One training run."""

    model: NewModel | None = Field(
        None, description="architecture of a new model, V3 or (`generation: v1`) V1; leave out with `start_from`"
    )
    start_from: str | None = Field(None, description="name or folder of a model to continue from")
    data: list[DataConfig] = Field(min_length=1, description="data sets to learn from; several train together")
    validation: ValidationConfig = Field(
        ValidationConfig(), description="what is held out, and how often it is looked at"
    )
    training: StageConfig = Field(StageConfig(), description="settings of every stage")
    stages: list[dict[str, Any]] = Field(
        default_factory=list,
        description="what each stage does differently from `training`; without any there is one stage",
    )
    reference_energies: dict[str, float] | None = Field(
        None, description="energies of single atoms in eV by symbol, instead of a least-squares fit"
    )
    ridge: float = Field(
        0.0,
        ge=0,
        description="strength of the pull towards a common energy per atom in that fit, relative to one structure",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of weights, split, order and noise")
    refit_references: bool = Field(
        True, description="with `start_from`, shift the model's reference energies onto the data's zero first"
    )
    new_elements: bool = Field(
        False, description="with `start_from`, accept elements that the model was not trained for"
    )
    energy_kind: EnergyKind | None = Field(
        None,
        description=(
            "what the energies in the data are, total energies or adsorption energies relative to clean slab and "
            "gas; that of the model in `start_from` if absent, total for a new one"
        ),
    )
    dtype: Literal["float32", "float64", "bfloat16"] = Field(
        "float32",
        description="precision of weights and arithmetic; `bfloat16` keeps float32 weights and multiplies in bfloat16",
    )
    device: str = Field("auto", description="`auto` (a GPU where there is one), `cpu` or `cuda[:N]`")
    execution: TrainExecution = Field(
        "auto",
        description=(
            "how steps run: one operation after the other (`eager`), or captured as a CUDA graph; `auto` captures on a "
            "GPU"
        ),
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads; torch's choice if absent")
    output: OutputConfig = Field(OutputConfig(), description="where and how often things are written")

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
        if self.start_from is None and self.validation.best_by == "errors":
            raise ValueError("validation.best_by: errors needs start_from, to whose errors they are relative")
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


def load_config(path: str | PathLike[str]) -> TrainConfig:
    """Read and check a training YAML; relative paths in it start at its own folder.

    Raises:
        InputError: the file is missing, is no YAML, or a key or value in it is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no training configuration at {path}")
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path} must hold `key: value` lines; the keys are {', '.join(TrainConfig.model_fields)}")
    return parse_config(values, folder=path.parent, name=str(path))


def parse_config(values: Mapping[str, Any], folder: Path = Path(), name: str = "configuration") -> TrainConfig:
    """Check a configuration given as nested dicts; relative paths start at ``folder``."""
    try:
        config = TrainConfig.model_validate(values)
        for stage in config.plan:
            if config.model is not None:
                type(config.model).model_validate({**config.model.model_dump(), **stage.model})
    except ValidationError as error:
        raise InputError(f"{name}: {complaint(error)}") from error
    return _with_absolute_paths(config, folder)


def described(config: TrainConfig) -> dict[str, Any]:
    """The configuration for a model's metadata: plain values, and names of files without their places."""
    values = config.model_dump(mode="json", exclude={"output", "threads", "device", "execution"})
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


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = _merged(result[key], value)
        result[key] = value
    return result
