"""``equical neb``: thin skin over :func:`equical.neb`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import (
    FORMAT_HELP,
    SPECIES_HELP,
    RunOptions,
    StructureFile,
    run_options,
)

if TYPE_CHECKING:
    from equical.workflows.neb import NebResult


@click.command("neb", short_help="Barrier between two structures (nudged elastic band).")
@click.argument("initial", required=False, type=click.Path(path_type=Path))
@click.argument("final", required=False, type=click.Path(path_type=Path))
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="All images in one file, both ends included, in place of INITIAL and FINAL.",
)
@click.option("--format", "file_format", metavar="NAME", help=FORMAT_HELP)
@click.option("--species", metavar="LIST", help=SPECIES_HELP)
@click.option("--images", type=int, help="Images between the ends.  [default: 7, or those of --path]")
@click.option("--climb/--no-climb", default=True, show_default=True, help="Let the highest image climb to the saddle.")
@click.option("--relax-ends", is_flag=True, help="Relax both ends first, to 0.01 eV/Å.")
@click.option("--keep-order", is_flag=True, help="Atoms of both ends correspond in the order they have.")
@click.option("--fmax", type=float, default=0.05, show_default=True, metavar="EV/Å", help="Largest force to accept.")
@click.option("--steps", type=int, default=500, show_default=True, help="Most steps to take.")
@click.option("--spring", type=float, default=0.1, show_default=True, metavar="EV/Å²", help="Between images.")
@click.option(
    "--optimizer",
    type=click.Choice(["fire", "lbfgs"]),
    default="fire",
    show_default=True,
    help="lbfgs: if all is smooth.",
)
@run_options
def neb(
    initial: Path | None,
    final: Path | None,
    path: Path | None,
    file_format: str | None,
    species: str | None,
    images: int | None,
    climb: bool,
    relax_ends: bool,
    keep_order: bool,
    fmax: float,
    steps: int,
    spring: float,
    optimizer: str,
    options: RunOptions,
) -> None:
    """Barrier between two structures, by the nudged elastic band with a climbing image.

    INITIAL and FINAL are files of the two ends; their atoms may be in different orders, and cross the boundaries of the
    cell. Constraints of INITIAL hold. A run that was killed goes on with --resume.

    Exit code: 0 converged, 2 ran but not converged, 1 error.
    """
    from equical.workflows.neb import neb as run

    named = path or initial
    if named is None:
        raise click.UsageError("give INITIAL and FINAL, or --path")
    first, last, band = (
        None if file is None else StructureFile(file, file_format, species).read_all()
        for file in (initial, final, path)
    )
    result = run(
        first and first[-1],
        last and last[-1],
        options.make_calculator(),
        path=band,
        images=images,
        climb=climb,
        spring=spring,
        fmax=fmax,
        steps=steps,
        optimizer=optimizer,  # type: ignore[arg-type]
        keep_order=keep_order,
        relax_ends=relax_ends,
        **options.into(f"neb-{named.stem}"),
    )
    if not options.quiet:
        _print(result)
    options.finish(result)


def _print(result: NebResult) -> None:
    outcome = "converged" if result.converged else "NOT converged"
    formula, number = result.images[0].get_chemical_formula(), len(result.images) - 2
    images = f"{number} image{'s' if number > 1 else ''}"
    click.echo(f"{formula} {outcome} after {result.steps} steps with {images} ({result.wall_time:.1f} s)")
    click.echo("image   path (Å)   energy (eV)")
    for place, (length, energy) in enumerate(zip(result.lengths, result.energies - result.energies[0], strict=True)):
        top = place == result.highest and result.has_saddle
        mark = "climbing" if result.climbing else "highest"
        click.echo(f"{place:>5} {length:>10.3f} {energy:>13.4f}{f'  {mark}' if top else ''}")
    rows = {
        "barrier": f"{result.barrier:.4f} eV forward, {result.reverse_barrier:.4f} eV back",
        "reaction energy": f"{result.reaction_energy:.4f} eV",
        "largest force": f"{result.max_force:.2g} eV/Å  (to accept: {result.settings.fmax:g})",
        "results in": str(result.output),
    }
    for name, value in rows.items():
        click.echo(f"  {name:<15} {value}")
