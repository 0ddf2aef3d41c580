"""``equical train``: thin skin over :func:`equical.train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import finish, output_options, resume_option

if TYPE_CHECKING:
    from equical.training.result import TrainResult

__all__ = ["print_result", "train"]


def _print_keys(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from equical.training.config.keys import as_text

        click.echo(as_text())
        ctx.exit()


@click.command("train", short_help="Train a model as a YAML file says.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--help-config",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_keys,
    help="List the keys of CONFIG with their defaults and meanings, and exit.",
)
@output_options
@resume_option
def train(config: Path, output: Path | None, overwrite: bool, quiet: bool, resume: bool) -> None:
    """Train a model as the YAML file CONFIG says.

    The best model lands in DIR/model, usable as EquiCalc("DIR/model"). Tables, checkpoints and plots stand beside it.
    After an interruption, the same command with --resume goes on as if nothing had happened.
    """
    from equical.training.config import load_config
    from equical.training.loop.memory import keep_freed_memory
    from equical.training.run import train as run

    keep_freed_memory()
    settings = load_config(config)
    folder = output or settings.output.directory or Path(f"train-{config.stem}")
    result = run(settings, output=folder, overwrite=overwrite, resume=resume, progress=not quiet)
    if not quiet:
        print_result(result)
    finish(result.converged)


def print_result(result: TrainResult) -> None:
    """Errors of each data set, and where the model is."""
    for name, errors in result.by_dataset.items():
        click.echo(f"  {name}: {_errors(errors)}")
    if result.baseline is not None:
        click.echo(f"  starting model: {_errors(result.baseline)}; now: {_errors(result.validation)}")
    for hint in result.advice:
        click.echo(f"what would help: {hint}")
    saved = result.model.is_dir()
    click.echo(f"best model (step {result.best_step}): {result.model}" if saved else "no model has been saved yet")
    if not result.converged:
        click.echo("stopped before the end; the same command with --resume goes on")


def _errors(errors: Mapping[str, float]) -> str:
    force = ""
    if "forces_mae_meV_per_A" in errors:
        force = f", F MAE {errors['forces_mae_meV_per_A']:.2f}, RMSE {errors['forces_rmse_meV_per_A']:.2f} meV/Å"
    return f"E RMSE {errors['energy_rmse_meV_per_atom']:.2f} meV/atom{force}"
