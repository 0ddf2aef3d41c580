"""``equical convert``: published checkpoints to model folders."""

from __future__ import annotations

from pathlib import Path

import click

from equical.cli.options import debug_option, quiet_option

path = click.Path(path_type=Path)


@click.command("convert", short_help="Published EquiformerV2 and V3 checkpoints to model folders.")
@click.argument("checkpoint", type=path)
@click.argument("output", type=path)
@click.option("--ema", is_flag=True, help="Take the moving average of the weights that the file also holds.")
@click.option(
    "--energy-kind",
    type=click.Choice(["total", "adsorption"]),
    help="What the energies are.  [default: adsorption for old files without reference energies, else total]",
)
@click.option("--elements", metavar="LIST", help="What the model was trained for, such as Cu,Pt,H,C,O.")
@click.option(
    "--references",
    type=path,
    metavar="FILE",
    help="Reference energies (eV) that training subtracted and the file lacks: JSON by symbol, or npz with 'coeff'.",
)
@click.option(
    "--energy-scale",
    type=float,
    metavar="EV",
    help="Standard deviation of the energy (eV) that training removed and the file lacks, as of Equiformer on MD17.",
)
@click.option("--energy-mean", type=float, metavar="EV", help="The mean that it removed.")
@click.option("--overwrite", is_flag=True, help="Replace a model in OUTPUT.")
@quiet_option
@debug_option
def convert(
    checkpoint: Path,
    output: Path,
    ema: bool,
    energy_kind: str | None,
    elements: str | None,
    references: Path | None,
    energy_scale: float | None,
    energy_mean: float | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Convert a published checkpoint of Equiformer, EquiformerV2 or V3 (.pt) to a model folder.

    No code from CHECKPOINT is executed. Use the result with --model OUTPUT or EquiCalc("OUTPUT").
    """
    from equical.conversion import convert as convert_checkpoint

    found = convert_checkpoint(
        checkpoint,
        output,
        ema=ema,
        energy_kind=energy_kind,  # type: ignore[arg-type]  # click checked it
        elements=None if elements is None else [symbol.strip() for symbol in elements.split(",")],
        references=references,
        energy_scale=energy_scale,
        energy_mean=energy_mean,
        overwrite=overwrite,
    )
    if not quiet:
        click.echo(f"{found.model} ({found.layout} layout), {found.num_parameters:,} parameters -> {found.output}")
        click.echo(f"{found.energy_kind} energies, {len(found.elements)} elements")
        for note in found.warnings:
            click.echo(f"note: {note}")
