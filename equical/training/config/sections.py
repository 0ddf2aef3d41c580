"""The blocks of a training configuration, each with its defaults, its meaning and its checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from equical.training.config.complaint import unknown_key

__all__ = [
    "BatchConfig",
    "DataConfig",
    "DenoisingConfig",
    "LimitsConfig",
    "LossConfig",
    "OptimizerConfig",
    "OutputConfig",
    "ScheduleConfig",
    "Section",
    "ValidationConfig",
]


class Section(BaseModel):
    """One block of the YAML file. Unknown keys are an error that names the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_key(str(key), list(cls.model_fields)))
        return values


class DataConfig(Section):
    """One data set: files with one kind of labels, from one level of theory."""

    paths: list[Path] = Field(
        min_length=1,
        description="files that ASE reads (extxyz, also gzipped; ASE db); relative paths start at the YAML file",
    )
    format: str | None = Field(None, description="ASE's name of their format; told by names and contents if absent")
    species: str | list[str] | dict[str | int, str] | None = Field(
        None,
        description=(
            "elements of types 1, 2 … in files that have numbers of types for elements, `[Cu, Ni]`; or of labels, "
            "`{OW: O, HW: H}`"
        ),
    )
    name: str = Field("", description="how reports call the data set; the first file's stem if absent")
    energy_key: str = Field(
        "energy", description="where the total energy (eV) stands: calculator results, `atoms.info`"
    )
    forces_key: str | None = Field(
        "forces",
        description=(
            "where the forces (eV/Å) stand: calculator results, `atoms.arrays`; `null`: no forces. Frames without are "
            "accepted where others have them"
        ),
    )
    stress_key: str | None = Field(
        "stress",
        description=(
            "where the stress (eV/Å³, ASE sign, 6 Voigt numbers or 3×3) stands; `null`: no stress. Frames "
            "without are accepted where others have it, and with the default always"
        ),
    )
    fixed_key: str = Field(
        "fixed", description="per-atom array, non-zero for atoms that were held fixed; ASE's FixAtoms counts too"
    )
    group_key: str | None = Field(
        None,
        description=(
            "`atoms.info` key of the trajectory a frame comes from. A group is never split between training and "
            "validation"
        ),
    )
    block: int | None = Field(
        None,
        ge=1,
        description="break groups into runs of this many consecutive frames; without `group_key` 10 by default",
    )
    max_force: float | None = Field(
        None,
        gt=0,
        description="leave out frames with a longer force (eV/Å), such as those of a calculation that went astray",
    )
    weight: float = Field(1.0, gt=0, description="factor on this data set's contribution to the loss of a batch")
    repeat: int = Field(1, ge=1, le=1000, description="how often each of its training structures is seen in one epoch")
    references: Literal["shared", "own", "base"] = Field(
        "shared",
        description=(
            "`shared`: one set of reference energies with the other shared sets; `own`: this set has its own zero "
            "of energy (another code or pseudopotential), and is shifted onto the model's; `base`: its zero is "
            "that of the model in `start_from`, which it was trained on"
        ),
    )
    split: bool = Field(True, description="false keeps all frames for training where others are split")
    denoise: bool = Field(
        True,
        description=(
            "false keeps these frames out of DeNS (frames of molecular dynamics, for instance). A single frame "
            "opts out with `denoise=False` in its `atoms.info`"
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_one_path(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("paths"), str | Path):
            values = {**values, "paths": [values["paths"]]}
        return values

    @field_validator("paths")
    @classmethod
    def _refuse_one_twice(cls, paths: list[Path]) -> list[Path]:
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"{path} is listed more than once; to see it more often, set repeat")
        return paths

    @property
    def label(self) -> str:
        """The name used in reports."""
        return self.name or self.paths[0].name.split(".")[0]


class ValidationConfig(Section):
    """What is held out, and how often it is looked at."""

    fraction: float = Field(
        0.1,
        ge=0.0,
        lt=1.0,
        description="share of each data set's frames held out, whole groups at a time; ignored where `data` is given",
    )
    data: list[DataConfig] = Field(default_factory=list, description="held-out files of their own")
    every_epochs: int = Field(1, ge=1, description="evaluate after this many passes over the data")
    every_steps: int | None = Field(None, ge=1, description="evaluate after this many steps instead")
    best_by: Literal["loss", "errors"] = Field(
        "loss",
        description=(
            "the best model has the lowest `loss`; or with `start_from` the lowest `errors` of energies and forces, "
            "both relative to those of the starting model, so that neither can rise unnoticed"
        ),
    )

    @field_validator("data")
    @classmethod
    def _refuse_repeats(cls, data: list[DataConfig]) -> list[DataConfig]:
        if any(one.repeat > 1 for one in data):
            raise ValueError("repeat is for training data; leave it out here")
        return data


class EnergyLossConfig(Section):
    """|ΔE| per atom in eV."""

    weight: float = Field(5.0, ge=0, description="factor of this term in the loss; 0 drops it")
    kind: Literal["l1", "huber"] = Field(
        "l1", description="the error itself (`l1`), or `huber`, which is quadratic below `delta`"
    )
    delta: float = Field(0.01, gt=0, description="where `huber` turns from quadratic to linear (eV per atom)")


class ForcesLossConfig(Section):
    """Mean over atoms of ‖ΔF‖ in eV/Å."""

    weight: float = Field(20.0, ge=0, description="factor of this term in the loss; 0 drops it")
    kind: Literal["l2mae", "huber"] = Field(
        "l2mae", description="the length itself (`l2mae`), or `huber`, which is quadratic below `delta`"
    )
    delta: float = Field(0.01, gt=0, description="where `huber` turns from quadratic to linear (eV/Å)")
    skip_fixed: bool = Field(True, description="leave out atoms that were held fixed")


class StressLossConfig(Section):
    """Mean over structures of ‖Δσ‖ (Frobenius norm, eV/Å³)."""

    weight: float = Field(50.0, ge=0, description="factor of this term in the loss; 0 drops it")


class LossConfig(Section):
    """Weighted sum of terms in physical units."""

    energy: EnergyLossConfig = Field(EnergyLossConfig(), description="|ΔE| per atom (eV)")
    forces: ForcesLossConfig = Field(ForcesLossConfig(), description="mean over atoms of ‖ΔF‖ (eV/Å)")
    stress: StressLossConfig = Field(
        StressLossConfig(), description="mean over structures of ‖Δσ‖ (Frobenius norm, eV/Å³)"
    )


class OptimizerConfig(Section):
    """AdamW. Weight decay acts on matrices only, never on biases, norms and embeddings."""

    learning_rate: float = Field(1e-3, gt=0, description="highest learning rate of the schedule")
    weight_decay: float = Field(
        1e-3, ge=0, description="decay of matrices, as in AdamW; biases, norms and embeddings are spared"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the average gradient")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the average squared gradient")
    epsilon: float = Field(1e-8, gt=0, description="added to the root of that average")
    clip_norm: float | None = Field(
        100.0, gt=0, description="gradients that are longer are shortened to this; `null`: none is"
    )
    ema_decay: float | None = Field(
        0.999,
        gt=0,
        lt=1,
        description="decay of the averaged weights, which are evaluated and saved; `null`: no average",
    )
    backbone_rate: float = Field(1.0, gt=0, le=1, description="factor on the learning rate of everything but the heads")
    freeze: list[str] = Field(
        default_factory=list,
        description="parts of the network that stay as they are, such as `atom_embedding` or `blocks.0`",
    )


class DenoisingConfig(Section):
    """DeNS: denoising of structures out of equilibrium (arXiv 2403.09549); off unless ``probability`` is positive."""

    probability: float = Field(0.0, ge=0, le=1, description="chance that a structure, or a batch, is corrupted")
    choose: Literal["structure", "batch"] = Field(
        "structure", description="make this choice for each `structure`, or once for a whole `batch`"
    )
    sigma: float | tuple[float, float] = Field(
        0.05,
        description=(
            "standard deviation of the noise (Å) on each coordinate; or `[low, high]`, between which each "
            "structure draws one of `scales` values, evenly spaced in their logarithm"
        ),
    )
    scales: int = Field(50, ge=2, le=10_000, description="how many values there are between `low` and `high`")
    ratio: float | None = Field(
        0.5, gt=0, le=1, description="chance of each atom of a corrupted structure to be displaced; `null`: all are"
    )
    max_ratio: float = Field(
        0.75, gt=0, le=1, description="a structure of which more than this share was drawn stays as it is"
    )
    max_force: float | None = Field(None, gt=0, description="structures with a larger force (eV/Å) stay as they are")
    min_atoms: int = Field(1, ge=1, description="smaller structures stay as they are")
    weight: float = Field(
        2.0,
        gt=0,
        description="factor in the loss of the noise error, the mean over displaced atoms of ‖noise − prediction‖/σ",
    )
    final_weight: float | None = Field(
        None, ge=0, description="the weight changes linearly to this until the end of the stage"
    )

    @model_validator(mode="after")
    def _positive_sigma(self) -> DenoisingConfig:
        low, high = (self.sigma, self.sigma) if isinstance(self.sigma, float) else self.sigma
        if not 0 < low <= high:
            raise ValueError(f"sigma must be positive, or [low, high] with low below high; it is {self.sigma}")
        return self

    def weight_at(self, share: float) -> float:
        """Weight when ``share`` of the stage is done."""
        final = self.weight if self.final_weight is None else self.final_weight
        return self.weight + (final - self.weight) * share


class ScheduleConfig(Section):
    """Linear warm-up, then a cosine, or constant; all as factors on the learning rate."""

    kind: Literal["cosine", "constant"] = Field("cosine", description="what follows the warm-up")
    warmup_steps: int = Field(100, ge=0, description="steps that the linear warm-up takes")
    warmup_start: float = Field(0.2, ge=0, le=1, description="factor on the learning rate at the first step")
    final: float = Field(0.01, ge=0, le=1, description="factor on the learning rate at the end of the cosine")


class BatchConfig(Section):
    """Budget of one optimiser step, shared by all processes: structures are added while both limits hold."""

    max_atoms: int = Field(400, ge=1, description="atoms of all structures of a step together")
    max_edges: int = Field(
        20000, ge=1, description="pairs within the cutoff, in both directions, of all structures of a step together"
    )


class LimitsConfig(Section):
    """When to stop: whichever limit is met first. The cosine ends where the first limit ends."""

    max_steps: int | None = Field(None, ge=1, description="steps of the optimiser")
    max_epochs: int | None = Field(None, ge=1, description="passes over the data")
    max_minutes: float | None = Field(None, gt=0, description="time, evaluations included")
    patience: int | None = Field(None, ge=1, description="evaluations in a row without a better one")

    @model_validator(mode="after")
    def _some_limit(self) -> LimitsConfig:
        if self.max_steps is None and self.max_epochs is None and self.max_minutes is None:
            raise ValueError("give at least one of max_steps, max_epochs, max_minutes")
        return self


class OutputConfig(Section):
    """Where and how often things are written."""

    directory: Path | None = Field(
        None, description="the folder, which `--output` overrides; relative to the YAML file"
    )
    log_every: int = Field(20, ge=1, description="steps between rows of `training.csv`")
    checkpoint_minutes: float = Field(10.0, gt=0, description="minutes between states to resume from")
    tensorboard: bool = Field(False, description="also write event files for TensorBoard (needs `equical[train]`)")
