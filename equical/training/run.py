"""Train a model as a configuration says, in a folder that holds the best model, tables and plots in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from os import PathLike
from pathlib import Path

import torch

from equical.errors import InputError
from equical.training.config import ConfigSource, TrainConfig, resolve_config
from equical.training.data_guard import DataGuard
from equical.training.files import TRAIN_FILES, require_resumable, write_results, write_split
from equical.training.loop.distributed import World, joined_world
from equical.training.loop.starting_point import StartingPoint
from equical.training.loop.trainer import STATE_FILE, Trained, Trainer
from equical.training.report.advice import advice
from equical.training.report.metrics import error_summary, errors_by_element, errors_by_group
from equical.training.result import TrainResult
from equical.training.start.prepare import prepare
from equical.training.terminal import Terminal
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.notes import noted_warnings, warn

__all__ = ["run_training", "train"]


def train(
    config: ConfigSource,
    *,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> TrainResult:
    """Train a model from labelled structures.

    Under ``torchrun`` the processes share every batch; the first one writes and speaks.

    Args:
        config: a YAML file, the same as nested dictionaries, or a checked :class:`.TrainConfig`. Relative paths start
            at the folder of the file, or at the working directory. ``equical train --help-config`` lists the keys.
        output: folder for ``model/`` (the best on the validation data), ``model_last/``, ``checkpoints/``, tables,
            plots and ``result.json``; by default the one in the configuration.
        overwrite: accept a folder with earlier results. They are removed once data and model have been accepted.
        resume: go on with an interrupted run in ``output``, as if nothing had happened.
        progress: print what is found on the way, and show how far the run is.

    Returns:
        Errors of the best model, and where it is.

    Raises:
        InputError: configuration, data or folder are not usable, the folder holds another run, or the loss is no number
            any more.
    """
    return run_training(resolve_config(config), output, overwrite=overwrite, resume=resume, progress=progress)


def run_training(
    config: TrainConfig,
    output: str | PathLike[str] | None,
    *,
    overwrite: bool,
    resume: bool,
    progress: bool,
    guard: DataGuard | None = None,
) -> TrainResult:
    """:func:`train` on a checked configuration.

    Args:
        config, output, overwrite, resume, progress: see :func:`train`.
        guard: looks at the data before anything is written.
    """
    began = time.perf_counter()
    output = output if output is not None else config.output.directory
    if output is None:
        raise InputError("a training needs a folder for its models and tables: give output")
    path = Path(output)
    with joined_world(config.device) as world:
        world.device(config.device)
        with (
            noted_warnings() as noted,
            _left_as_it_was(config.threads),
            Terminal(progress and world.speaks) as terminal,
            _opened(path, world, overwrite=overwrite, resume=resume) as folder,
        ):
            if guard is not None and world.speaks:
                guard.look_at_files(terminal.say)
            start = prepare(config, terminal.say)
            if not start.valid and world.speaks:
                warn("no structures are held out: the best model is chosen on those that it is trained on")
            if guard is not None and world.speaks:
                guard.look_at_split(start, terminal.say)
            resume = world.agree(resume and _can_go_on(path, terminal.say))
            trainer = Trainer(config, start, path, resume=resume, world=world, report=terminal.say, bar=terminal.show)
            if folder is not None:
                folder.accept()
                if not resume:
                    write_split(folder, start)
            result = _result(trainer.run(), start, path, noted, began)
            if folder is not None:
                write_results(folder, result)
    return result


def _opened(path: Path, world: World, *, overwrite: bool, resume: bool) -> AbstractContextManager[RunFolder | None]:
    """The folder of the run, in the process that writes."""
    return RunFolder(path, TRAIN_FILES, overwrite=overwrite, resume=resume) if world.speaks else nullcontext()


def _can_go_on(path: Path, say: Callable[[str], None]) -> bool:
    """Whether there is a state to resume; a run that was killed before its first one begins anew."""
    if (path / STATE_FILE).exists():
        return True
    require_resumable(path)
    say("nothing to resume yet, so the run begins")
    return False


def _result(trained: Trained, start: StartingPoint, path: Path, noted: list[str], began: float) -> TrainResult:
    if trained.best_step == 0 < trained.steps and start.baseline is not None:
        warn("no step was better than the starting model, which is what was kept: lower the learning rate, or add data")
    validation, hints = error_summary(trained.comparison), []
    if start.baseline is not None and trained.finished:
        hints = advice(
            validation, start.baseline, trained.training_errors, best_step=trained.best_step, steps=trained.steps
        )
    return TrainResult(
        steps=trained.steps,
        best_step=trained.best_step,
        minutes=trained.minutes,
        validation=validation,
        by_dataset=errors_by_group(trained.comparison),
        by_element=errors_by_element(trained.comparison),
        comparison=trained.comparison,
        baseline=start.baseline,
        advice=tuple(hints),
        converged=trained.finished,
        warnings=tuple(noted),
        wall_time=time.perf_counter() - began,
        output=path,
    )


@contextmanager
def _left_as_it_was(threads: int | None) -> Iterator[None]:
    """Inside the block torch uses so many threads; its random numbers are the caller's own again afterwards."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            if threads is not None:
                torch.set_num_threads(threads)
            yield
        finally:
            torch.set_num_threads(before)
