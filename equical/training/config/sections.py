"""The blocks of a training configuration, each with its defaults, its meaning and its checks."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
    "unknown_key",
]


class Section(BaseModel):
    """One block of the YAML file. Unknown keys are an error that names the nearest known key."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _refuseunknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_key(str(key), list(cls.model_fields)))
        return values


class DataConfig(Section):
    """One data set: files with one kind of labels, from one level of theory.

    Attributes:
        paths: files that ASE reads (extxyz, also gzipped; ASE db); relative paths start at the YAML file.
        format: ASE's name of their format; told by names and contents if absent.
        species: elements of types 1, 2 … in files that have numbers of types for elements, ``[Cu, Ni]``; or of labels,
            ``{OW: O, HW: H}``.
        name: how reports call the data set; the first file's stem if absent.
        energy_key: where the total energy (eV) stands: calculator results, ``atoms.info``.
        forces_key: where the forces (eV/Å) stand: calculator results, ``atoms.arrays``; ``null``: no forces. Frames
            without are accepted where others have them.
        stress_key: where the stress (eV/Å³, ASE sign, 6 Voigt numbers or 3×3) stands; ``null``: no stress. Frames
            without are accepted where others have it, and with the default always.
        fixed_key: per-atom array, non-zero for atoms that were held fixed; ASE's FixAtoms counts too.
        group_key: ``atoms.info`` key of the trajectory a frame comes from. A group is never split between training
            and validation.
        block: break groups into runs of this many consecutive frames; without ``group_key`` 10 by default.
        max_force: leave out frames with a longer force (eV/Å), such as those of a calculation that went astray.
        weight: factor on this data set's contribution to the loss of a batch.
        repeat: how often each of its training structures is seen in one epoch.
        references: ``shared``: one set of reference energies with the other shared sets; ``own``: this set has its own
            zero of energy (another code or pseudopotential), and is shifted onto the model's; ``base``: its zero is
            that of the model in ``start_from``, which it was trained on.
        split: false keeps all frames for training where others are split.
        denoise: false keeps these frames out of DeNS (frames of molecular dynamics, for instance). A single frame
            opts out with ``denoise=False`` in its ``atoms.info``.
    """

    paths: list[Path] = Field(min_length=1)
    format: str | None = None
    species: str | list[str] | dict[str | int, str] | None = None
    name: str = ""
    energy_key: str = "energy"
    forces_key: str | None = "forces"
    stress_key: str | None = "stress"
    fixed_key: str = "fixed"
    group_key: str | None = None
    block: int | None = Field(default=None, ge=1)
    max_force: float | None = Field(default=None, gt=0)
    weight: float = Field(default=1.0, gt=0)
    repeat: int = Field(default=1, ge=1)
    references: Literal["shared", "own", "base"] = "shared"
    split: bool = True
    denoise: bool = True

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
    """What is held out, and how often it is looked at.

    Attributes:
        fraction: share of each data set's frames held out, whole groups at a time; ignored where ``data`` is given.
        data: held-out files of their own.
        every_epochs: evaluate after this many epochs ...
        every_steps: ... or after this many steps, if given.
    """

    fraction: float = Field(default=0.1, ge=0.0, lt=1.0)
    data: list[DataConfig] = Field(default_factory=list)
    every_epochs: int = Field(default=1, ge=1)
    every_steps: int | None = Field(default=None, ge=1)

    @field_validator("data")
    @classmethod
    def _refuse_repeats(cls, data: list[DataConfig]) -> list[DataConfig]:
        if any(one.repeat > 1 for one in data):
            raise ValueError("repeat is for training data; leave it out here")
        return data


class LossTermConfig(Section):
    """Weight of one term of the loss; zero drops it."""

    weight: float = Field(ge=0)


class EnergyLossConfig(LossTermConfig):
    """|ΔE| per atom in eV.

    Attributes:
        weight: of this term.
        kind: ``l1``, or ``huber``, which is quadratic below ``delta``.
        delta: eV per atom.
    """

    weight: float = Field(default=5.0, ge=0)
    kind: Literal["l1", "huber"] = "l1"
    delta: float = Field(default=0.01, gt=0)


class ForcesLossConfig(LossTermConfig):
    """Mean over atoms of ‖ΔF‖ in eV/Å.

    Attributes:
        weight: of this term.
        kind: ``l2mae``, or ``huber``, which is quadratic below ``delta``.
        delta: eV/Å.
        skip_fixed: leave out atoms that were held fixed.
    """

    weight: float = Field(default=20.0, ge=0)
    kind: Literal["l2mae", "huber"] = "l2mae"
    delta: float = Field(default=0.01, gt=0)
    skip_fixed: bool = True


class StressLossConfig(LossTermConfig):
    """Mean over structures of ‖Δσ‖ (Frobenius norm, eV/Å³).

    Attributes:
        weight: of this term.
    """

    weight: float = Field(default=50.0, ge=0)


class LossConfig(Section):
    """Weighted sum of terms in physical units.

    Attributes:
        energy: of the structure, per atom.
        forces: on the atoms.
        stress: of structures that have one.
    """

    energy: EnergyLossConfig = EnergyLossConfig()
    forces: ForcesLossConfig = ForcesLossConfig()
    stress: StressLossConfig = StressLossConfig()


class OptimizerConfig(Section):
    """AdamW. Weight decay acts on matrices only, never on biases, norms and embeddings.

    Attributes:
        learning_rate: highest of the schedule.
        weight_decay: as in AdamW, as the next three.
        beta1: of the average gradient.
        beta2: of the average squared gradient.
        epsilon: added to its root.
        clip_norm: longest gradient; longer ones are shortened.
        ema_decay: of the averaged weights, which are evaluated and saved; ``null``: no average.
        backbone_rate: factor on the learning rate of everything but the heads.
        freeze: parts of the network that stay as they are, such as ``atom_embedding`` or ``blocks.0``.
    """

    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-8, gt=0)
    clip_norm: float | None = Field(default=100.0, gt=0)
    ema_decay: float | None = Field(default=0.999, gt=0, lt=1)
    backbone_rate: float = Field(default=1.0, gt=0, le=1)
    freeze: list[str] = Field(default_factory=list)


class DenoisingConfig(Section):
    """DeNS: denoising of structures out of equilibrium (arXiv 2403.09549); off unless ``probability`` is positive.

    Attributes:
        probability: chance that a structure, or a batch, is corrupted.
        choose: make this choice for each ``structure``, or once for a whole ``batch``.
        sigma: standard deviation of the noise (Å) on each coordinate; or ``[low, high]``, between which each
            structure draws one of ``scales`` values, evenly spaced in their logarithm.
        scales: how many.
        ratio: chance of each atom of a corrupted structure to be displaced; ``null``: all are.
        max_ratio: a structure of which more than this share was drawn stays as it is.
        max_force: structures with a larger force (eV/Å) stay as they are.
        min_atoms: smaller structures stay as they are.
        weight: of the noise error, the mean over displaced atoms of ‖noise − prediction‖/σ, in the loss.
        final_weight: the weight changes linearly to this until the end of the stage.
    """

    probability: float = Field(default=0.0, ge=0, le=1)
    choose: Literal["structure", "batch"] = "structure"
    sigma: float | tuple[float, float] = 0.05
    scales: int = Field(default=50, ge=2)
    ratio: float | None = Field(default=0.5, gt=0, le=1)
    max_ratio: float = Field(default=0.75, gt=0, le=1)
    max_force: float | None = Field(default=None, gt=0)
    min_atoms: int = Field(default=1, ge=1)
    weight: float = Field(default=2.0, gt=0)
    final_weight: float | None = Field(default=None, ge=0)

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
    """Linear warm-up, then a cosine, or constant; all as factors on the learning rate.

    Attributes:
        kind: what follows the warm-up.
        warmup_steps: how long it takes.
        warmup_start: factor at the first step.
        final: factor at the end of the cosine.
    """

    kind: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = Field(default=100, ge=0)
    warmup_start: float = Field(default=0.2, ge=0, le=1)
    final: float = Field(default=0.01, ge=0, le=1)


class BatchConfig(Section):
    """Budget of one optimiser step, shared by all processes: structures are added while both limits hold.

    Attributes:
        max_atoms: of all structures together.
        max_edges: pairs within the cutoff, in both directions.
    """

    max_atoms: int = Field(default=400, ge=1)
    max_edges: int = Field(default=20000, ge=1)


class LimitsConfig(Section):
    """When to stop: whichever limit is met first. The cosine ends where the first limit ends.

    Attributes:
        max_steps: of the optimiser, in this stage.
        max_epochs: passes over the data.
        max_minutes: of this stage, evaluations included.
        patience: evaluations without a better one.
    """

    max_steps: int | None = Field(default=None, ge=1)
    max_epochs: int | None = Field(default=None, ge=1)
    max_minutes: float | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _some_limit(self) -> LimitsConfig:
        if self.max_steps is None and self.max_epochs is None and self.max_minutes is None:
            raise ValueError("give at least one of max_steps, max_epochs, max_minutes")
        return self


class OutputConfig(Section):
    """Where and how often things are written.

    Attributes:
        directory: the folder, which ``--output`` overrides; relative to the YAML file.
        log_every: steps between rows of ``training.csv``.
        checkpoint_minutes: between states to resume from.
        tensorboard: also write its event files (needs ``equical[train]``).
    """

    directory: Path | None = None
    log_every: int = Field(default=20, ge=1)
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    tensorboard: bool = False


def unknown_key(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    advice = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key `{key}`; {advice}"
