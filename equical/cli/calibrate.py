"""``equical calibrate``: thin skin over :func:`equical.calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_values, label_options
from equical.cli.notices import warnings_as_lines
from equical.cli.options import debug_option, quiet_option

if TYPE_CHECKING:
    from equical.training.calibrate import CalibrationResult


@click.command("calibrate")
@click.argument("model", metavar="NAME|DIR")
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path), help="What it was trained on.")
@click.option(
    "--held-out", required=True, multiple=True, type=click.Path(path_type=Path), help="What it has not seen; repeat it."
)
@label_options
@click.option("--shift-references", is_flag=True, help="Take out a difference of the zeros of energy, by element.")
@click.option("--most", type=click.IntRange(1), default=5000, show_default=True, help="Structures of --data to use.")
@quiet_option
@debug_option
def calibrate(
    model: str,
    data: tuple[Path, ...],
    held_out: tuple[Path, ...],
    shift_references: bool,
    most: int,
    quiet: bool,
    **labels: Any,
) -> None:
    """Give a trained MODEL its uncertainty: uncertainty.safetensors beside its weights.

    With it, EquiCalc computes energy_std, and relax and md warn of structures outside what the model knows. Prints how
    well stated uncertainties fit the errors on --held-out.
    """
    from equical.training.calibrate import calibrate as run

    with warnings_as_lines(quiet):
        result = run(
            model,
            data_values(data, **labels),
            data_values(held_out, **labels),
            shift_references=shift_references,
            most=most,
            progress=not quiet,
        )
    if not quiet:
        _print(result)


def _print(result: CalibrationResult) -> None:
    click.echo(
        f"{result.structures} structures of {len(result.elements)} elements, {result.pairs[0]} of {result.pairs[1]} "
        f"pairs of them neighbours; {result.held_out} held out, energy RMSE {result.rmse:.2f} meV/atom"
    )
    click.echo("stated and found errors of the energy (meV/atom), in quarters of the held-out structures:")
    for stated, found in result.groups:
        click.echo(f"  {stated:8.2f} {found:8.2f}")
    click.echo(
        f"within one standard deviation {100 * result.within_one:.0f} %, within two {100 * result.within_two:.0f} % "
        f"(a normal distribution: 68 and 95); rank correlation {result.correlation:.2f}"
    )
    click.echo(f"outside what the model knows: {100 * result.outside:.1f} % of the held-out structures")
    click.echo(f"written to {result.output}")
