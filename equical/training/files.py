"""What a training leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from equical.errors import InputError
from equical.files import write_json
from equical.training.loop.starting_point import StartingPoint
from equical.training.loop.trainer import BEST_MODEL, LAST_MODEL, STATE_FILE
from equical.training.report.plots import plot_learning_curve, plot_parity
from equical.training.result import TrainResult
from equical.workflows.common.folder import RESULT, RunFolder

__all__ = ["TRAIN_FILES", "require_resumable", "write_results", "write_split"]

TRAIN_FILES = (
    "training.csv", "validation.csv", "split.json", "learning_curve.png", "parity.png", "tensorboard/events.*",
    f"{STATE_FILE.parent}/*.pt", f"{BEST_MODEL}/*", f"{LAST_MODEL}/*",
)  # fmt: skip
"""What a run leaves in its folder, beside ``result.json``."""


def require_resumable(folder: Path) -> None:
    """Refuse to begin anew where a training has results but no state to go on from.

    Raises:
        InputError: there are such results.
    """
    found = [name for name in ("training.csv", RESULT) if (folder / name).exists()]
    if found:
        raise InputError(
            f"nothing to resume: {folder} has {found[0]} but no {STATE_FILE}; give the folder of the run, or begin "
            "anew with --overwrite or another folder"
        )


def write_split(folder: RunFolder, start: StartingPoint) -> None:
    """Which frames are trained on and which are held out, as ``split.json``."""
    parts = {"training": start.train, "validation": start.valid}
    frames = {name: [{"frame": s.origin, "group": s.group} for s in part] for name, part in parts.items()}
    write_json(folder / "split.json", frames)


def write_results(folder: RunFolder, result: TrainResult) -> None:
    """Plots and ``result.json``, which comes last."""
    from equical.calculator import EquiCalc

    assert folder.path is not None
    plot_learning_curve(folder.path)
    plot_parity(result.comparison, folder / "parity.png")
    folder.finish(result, EquiCalc(result.model, device="cpu") if result.model.is_dir() else None)
