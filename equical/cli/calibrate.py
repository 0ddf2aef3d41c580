"""``equical calibrate``: thin skin over :func:`equical.calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_values, label_options
from equical.cli.options import debug_option, quiet_option

if TYPE_CHECKING:
    from equical.training.calibrate import CalibrationResult
    from equical.training.calibration.score import Score


@click.command("calibrate", short_help="Give a trained model its uncertainty.")
@click.argument("model", metavar="NAME|DIR")
@click.option("--data", required=True, multiple=True, type=click.Path(path_type=Path), help="What it was trained on.")
@click.option(
    "--held-out", required=True, multiple=True, type=click.Path(path_type=Path), help="What it has not seen; repeat it."
)
@label_options
@click.option("--shift-references", is_flag=True, help="Take out a difference of the zeros of energy, by element.")
@click.option("--most", type=click.IntRange(1), default=5000, show_default=True, help="Structures of --data to use.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture.  [default: uncertainty.png beside the model]")
@quiet_option
@debug_option
def calibrate(
    model: str,
    data: tuple[Path, ...],
    held_out: tuple[Path, ...],
    shift_references: bool,
    most: int,
    plot: Path | None,
    quiet: bool,
    **labels: Any,
) -> None:
    """Give a trained MODEL its uncertainty: uncertainty.safetensors beside its weights.

    With it, EquiCalc computes energy_std and forces_std, and workflows warn of structures outside what the model knows.
    Prints and draws how well stated uncertainties fit the errors on --held-out: each half of it, no composition in
    both, is judged by the scale that the other half gives.
    """
    from equical.training.calibrate import calibrate as run

    result = run(
        model,
        data_values(data, **labels),
        data_values(held_out, **labels),
        shift_references=shift_references,
        most=most,
        plot=plot,
        progress=not quiet,
    )
    if not quiet:
        _print(result)


def _print(result: CalibrationResult) -> None:
    click.echo(
        f"{result.structures} structures of {len(result.elements)} elements, {result.pairs[0]} of {result.pairs[1]} "
        f"pairs of them neighbours; {result.held_out} held out"
    )
    scores = {"energy, meV/atom": result.energy}
    scores |= {f"  {name} ({count})": score for name, (count, score) in result.files.items()}
    if result.forces is not None:
        scores["forces, meV/Å"] = result.forces
    width = max(map(len, scores))
    click.echo(f"{'':{width}s}   RMSE  within 1σ, 2σ  rank   stated and found, in quarters")
    for name, score in scores.items():
        click.echo(_row(name, score, width))
    click.echo("(of a normal distribution 68 % are within 1σ and 95 % within 2σ; rank is a correlation)")
    click.echo(f"outside what the model knows: {100 * result.outside:.1f} % of the held-out structures")
    click.echo(f"written to {result.output}; picture: {result.plot}")


def _row(name: str, score: Score, width: int) -> str:
    groups = "  ".join(f"{stated:.3g} {found:.3g}" for stated, found in score.groups)
    within = f"{100 * score.within_one:4.0f} % {100 * score.within_two:4.0f} %"
    return f"{name:{width}s} {score.rmse:6.1f} {within}   {score.correlation:6.2f}   {groups}"
