"""What a training run is told, checked at the door: ``sections`` are the blocks of the file, ``run`` is the whole."""

from equical.training.config.resolve import ConfigSource, DataSource, resolve_config, resolve_data
from equical.training.config.run import StageConfig, TrainConfig, described, load_config, parse_config
from equical.training.config.sections import (
    BatchConfig,
    DataConfig,
    DenoisingConfig,
    LimitsConfig,
    LossConfig,
    OptimizerConfig,
    OutputConfig,
    ScheduleConfig,
    ValidationConfig,
)

__all__ = [
    "BatchConfig",
    "ConfigSource",
    "DataConfig",
    "DataSource",
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
    "resolve_config",
    "resolve_data",
]
