"""The frames of a run, on the two sides of the split."""

from __future__ import annotations

from collections.abc import Callable

from equical.errors import InputError
from equical.training.config import DataConfig, TrainConfig
from equical.training.data.dataset import is_lone_atom, read_frames, without_large_forces
from equical.training.data.labels import Frame
from equical.training.data.splitting import split_frames

__all__ = ["read_and_split"]


def read_and_split(config: TrainConfig, report: Callable[[str], None]) -> tuple[list[Frame], list[Frame]]:
    """Frames to learn from, and frames held out.

    Args:
        config: of the run.
        report: receives lines for the user.

    Raises:
        InputError: files or labels are not usable, or there is nothing left on a side that needs something.
    """
    frames = [frame for data in config.data for frame in _read(data, report)]
    if config.validation.data:
        return frames, [frame for data in config.validation.data for frame in _read(data, report)]
    whole = {data.label for data in config.data if not data.split}
    undivided = [frame.dataset in whole or is_lone_atom(frame.atoms) for frame in frames]
    divided = [frame for frame, stays in zip(frames, undivided, strict=True) if not stays]
    kept, held_out = split_frames(divided, config.validation.fraction, config.seed)
    kept += [frame for frame, stays in zip(frames, undivided, strict=True) if stays]
    if not kept:
        raise InputError("no frame is left for training; lower validation.fraction")
    return kept, held_out


def _read(data: DataConfig, report: Callable[[str], None]) -> list[Frame]:
    frames = read_frames(data)
    kept = without_large_forces(frames, data.max_force)
    if len(kept) < len(frames):
        left_out = f"{len(frames) - len(kept)} of {len(frames)} frames"
        report(f"{data.label}: left out {left_out} with a force above {data.max_force} eV/Å")
    if not kept:
        raise InputError(f"{data.label}: every frame has a force above max_force {data.max_force} eV/Å; raise it")
    return kept
