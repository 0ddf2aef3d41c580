"""``equical train``: a model from labelled structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import finish, output_options, resume_option

if TYPE_CHECKING:
    from equical.training.config import TrainConfig
    from equical.training.loop.starting_point import StartingPoint
    from equical.training.loop.trainer import TrainResult

FILES = (
    "training.csv", "validation.csv", "split.json", "learning_curve.png", "parity.png", "checkpoints/*.pt",
    "model/*", "model_last/*",
)  # fmt: skip
"""What a run leaves in its folder."""


@click.command("train")
@click.argument("config", type=click.Path(path_type=Path))
@output_options
@resume_option
def train(config: Path, output: Path | None, overwrite: bool, quiet: bool, resume: bool) -> None:
    """Train a model as the YAML file CONFIG says.

    The best model lands in DIR/model, usable as EquiCalc("DIR/model"). Tables, checkpoints and plots stand beside it.
    After an interruption, the same command with --resume goes on as if nothing had happened.
    """
    from equical.training.config import load_config

    settings = load_config(config)
    folder = output or settings.output.directory
    run_training(settings, folder, config.stem, overwrite=overwrite, quiet=quiet, resume=resume)


def run_training(
    config: TrainConfig,
    folder: Path | None,
    stem: str,
    *,
    overwrite: bool,
    quiet: bool,
    resume: bool,
    examine: Callable[[StartingPoint], None] | None = None,
) -> None:
    """Train with progress on the terminal, write tables and plots, and end the process with the right code.

    Args:
        config: of the run.
        folder: for the results; ``train-<stem>`` if None.
        stem: what the run is called.
        overwrite, quiet, resume: as the options of these names.
        examine: looks at the prepared data before training starts.
    """
    import torch

    from equical.training.loop.distributed import join_world
    from equical.training.loop.memory import keep_freed_memory
    from equical.training.loop.trainer import Trainer
    from equical.training.start.prepare import prepare
    from equical.workflows.common.output import open_output, remove_earlier

    keep_freed_memory()
    world = join_world(config.device)
    show = (lambda line: None) if quiet or not world.speaks else _print_line
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    try:
        world.device(config.device)
        if world.speaks:
            folder = open_output(folder, "train", stem, [], overwrite=overwrite, resume=resume)
        folder = world.agree(folder)
        assert folder is not None
        with _nothing_left_behind(folder):
            prepared = prepare(config, show)
            if examine is not None and world.speaks:
                examine(prepared)
        if world.speaks:
            if overwrite:  # not before the data are known to be good: a trained model is worth more than a plot
                remove_earlier(folder, FILES)
            if not (resume and (folder / "checkpoints" / "last.pt").exists()):  # it has one, which stays if refused
                _write_split(prepared, folder)
        with _ProgressBar(disable=quiet or not world.speaks) as bar:
            trainer = Trainer(config, prepared, folder, world=world, report=show, bar=bar.show)
            result = trainer.run(resume=resume)
        if world.speaks:
            _write_results(result)
            _summarise(result, show)
    finally:
        world.leave()
    finish(result.finished)


@contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Remove the folder again if the block fails before anything was written to it."""
    try:
        yield
    except Exception:
        with suppress(OSError):
            folder.rmdir()
        raise


def _write_split(prepared: StartingPoint, folder: Path) -> None:
    """Which frames were trained on and which were held out."""
    from equical.files import write_json

    parts = {"training": prepared.train, "validation": prepared.valid}
    frames = {name: [{"frame": s.origin, "group": s.group} for s in part] for name, part in parts.items()}
    write_json(folder / "split.json", frames)


def _write_results(result: TrainResult) -> None:
    from equical.calculator import EquiCalc
    from equical.files import write_json
    from equical.training.report.metrics import UNITS
    from equical.training.report.plots import plot_learning_curve, plot_parity
    from equical.workflows.common.provenance import provenance

    plot_learning_curve(result.folder)
    plot_parity(result.comparison, result.folder / "parity.png")
    table = {
        "converged": result.finished,
        "steps": result.steps,
        "best_step": result.best_step,
        "validation": result.validation,
        "by_dataset": result.by_dataset,
        "by_element": result.by_element,
        "wall_time_s": 60 * result.minutes,
        "units": UNITS | {"wall_time_s": "s"},
    }
    if (result.folder / "model").is_dir():
        table |= provenance(EquiCalc(result.folder / "model", device="cpu"))
    write_json(result.folder / "result.json", table)


def _summarise(result: TrainResult, show: object) -> None:
    assert callable(show)
    for name, errors in result.by_dataset.items():
        force = ""
        if "forces_mae_meV_per_A" in errors:
            force = f", F MAE {errors['forces_mae_meV_per_A']:.2f}, RMSE {errors['forces_rmse_meV_per_A']:.2f} meV/Å"
        show(f"  {name}: E RMSE {errors['energy_rmse_meV_per_atom']:.2f} meV/atom{force}")
    saved = (result.folder / "model").is_dir()
    show(f"best model (step {result.best_step}): {result.folder / 'model'}" if saved else "no model has been saved yet")
    if saved and result.best_step == 0 and result.steps > 0:
        show("no step was better than the starting model, which is what was kept; lower the learning rate, or add data")
    if not result.finished:
        show("stopped before the end; the same command with --resume goes on")


def _print_line(line: str) -> None:
    from tqdm import tqdm

    tqdm.write(line)


class _ProgressBar:
    """Share of the run that is done, with the time that is left; only on a terminal."""

    def __init__(self, disable: bool):
        from tqdm import tqdm

        layout = "{percentage:5.1f}% |{bar:30}| {elapsed} < {remaining}  {postfix}"
        self.bar = tqdm(total=1.0, disable=True if disable else None, bar_format=layout, leave=False)

    def show(self, share: float, status: str) -> None:
        self.bar.set_postfix_str(status, refresh=False)
        self.bar.update(share - self.bar.n)

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
