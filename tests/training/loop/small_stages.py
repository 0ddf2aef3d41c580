"""Stages of every kind whose steps are taken plainly, or by emulated CUDA graphs."""

from pathlib import Path

import torch

from equical.model import EquiformerV2Config, Potential, parse_config
from equical.training.config import StageConfig
from equical.training.data.batching import TrainingBatch, collate
from equical.training.data.dataset import read_frames
from equical.training.data.denoising import corrupt_some
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import Sample, make_samples
from equical.training.loop.stages import Stage, begin_stage
from equical.training.loop.step import Controls
from tests.training.labelled import MODEL, data, write_copper

DENS = {"probability": 0.5, "ratio": 0.5, "max_ratio": 1.0, "sigma": 0.05, "choose": "batch"}

V2 = EquiformerV2Config(
    cutoff=3.5, max_neighbors=7, num_layers=1, channels=4, lmax=2, mmax=2, attention_hidden=4, num_heads=2,
    alpha_channels=4, value_channels=4, ffn_hidden=4, edge_channels=4, num_radial=6, edge_grid=(6, 6),
    node_grid=(6, 6), stress="both",
)  # fmt: skip

KINDS = {
    "conservative": {},
    "conservative, DeNS": {"denoising": DENS},
    "direct": {"model": {"forces": "direct"}},
    "direct, DeNS": {"model": {"forces": "direct"}, "denoising": DENS},
}
"""Settings of a stage, as changes of ``SETTINGS``."""

SETTINGS = {
    "optimizer": {"learning_rate": 2.0**-9, "clip_norm": 5.0, "ema_decay": 0.9},
    "schedule": {"kind": "constant", "warmup_steps": 4, "warmup_start": 0.5},
    "limits": {"max_steps": 50},
}
"""Learning rates that single precision holds exactly, so that it makes no difference where they are kept."""


def stage_of(
    kind: str,
    samples: list[Sample],
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    **changes,
) -> Stage:
    """A stage at its beginning; the same weights in every call."""
    config = StageConfig.model_validate({**SETTINGS, **KINDS.get(kind, {}), **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        architecture = V2 if kind == "EquiformerV2" else parse_config({**MODEL, "avg_degree": 12.0})
        potential = Potential(architecture, [28, 29], {28: 5.0, 29: 4.0}, 2.0, dtype=dtype)
    return begin_stage(config, potential, samples, torch.device(device), seed=1)


def samples_in(folder: Path, count: int = 12, dtype: torch.dtype = torch.float64, cap: int | None = None):
    """Samples of copper cells, some with nickel."""
    rules = NeighborRules(3.5) if cap is None else NeighborRules(3.5, max_neighbors=cap)
    return list(make_samples(read_frames(data(write_copper(folder, count))), rules, dtype))


def batches_of(stage: Stage, samples: list[Sample], steps: int) -> list[TrainingBatch]:
    """One to three structures in each, with noise where the stage has it."""
    batches = []
    for step in range(steps):
        indices = [(2 * step + n) % len(samples) for n in range(1 + step % 3)]
        chosen, corruptions = [samples[index] for index in indices], None
        if stage.config.denoising.probability > 0:
            corruptions = corrupt_some(
                chosen, indices, stage.config.denoising, seed=(0, step), neighbor_rules=NeighborRules(3.5)
            )
        batches.append(collate(chosen, corruptions))
    return batches


def controls_of(stage: Stage, step: int) -> Controls:
    """Schedules that change all numbers in every step."""
    rate = stage.config.optimizer.learning_rate * (1 + step % 5) / 4
    return Controls(rate, [c * (1 - step / 100) for c in stage.coefficients(0.5)], stage.average.share(step))
