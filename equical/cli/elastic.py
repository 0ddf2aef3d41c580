"""``equical elastic``: thin skin over :func:`equical.elastic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from equical.cli.options import (
    RunOptions,
    StructureFile,
    run_options,
    structure_argument,
)

if TYPE_CHECKING:
    from equical.workflows.elastic import ElasticResult


@click.command("elastic", short_help="Elastic constants, moduli, mechanical stability.")
@structure_argument
@click.option("--max-strain", type=float, default=0.005, show_default=True, help="Largest strain of each mode.")
@click.option("--strains", type=int, default=4, show_default=True, help="Strains of each mode, half of either sign.")
@click.option("--clamped", is_flag=True, help="Let the ions follow the strain instead of relaxing them.")
@click.option(
    "--relax-first/--as-given",
    default=True,
    show_default=True,
    help="Relax cell and ions first, within the space group.",
)
@click.option("--fmax", type=float, default=1e-3, show_default=True, help="eV/Å. Where relaxations stop.")
@click.option("--force", is_flag=True, help="Go on although the structure is under stress.")
@run_options
def elastic(
    structure: StructureFile,
    max_strain: float,
    strains: int,
    clamped: bool,
    relax_first: bool,
    fmax: float,
    force: bool,
    options: RunOptions,
) -> None:
    """Elastic constants C_IJ of a crystal, its moduli and its mechanical stability.

    Cell and ions are relaxed first. The constants come from stresses at small strains of each of the six kinds, with
    relaxed ions. They are computed once more from larger strains, and those that depend on them are warned of.
    """
    from equical.workflows.elastic import elastic as run

    result = run(
        structure.read(),
        options.make_calculator(),
        max_strain=max_strain,
        num_strains=strains,
        clamped=clamped,
        relax_first=relax_first,
        fmax=fmax,
        force=force,
        **options.into(f"elastic-{structure.stem}"),
    )
    if not options.quiet:
        _print(result)
        click.echo(f"results in {result.output}")
    options.finish(result)


def _print(result: ElasticResult) -> None:
    if result.relaxed_first:
        click.echo(f"cell and ions were relaxed first: volume {100 * result.volume_change:+.2f} %")
    click.echo(f"C_IJ (GPa) in the axes of the standard conventional cell, {result.space_group}")
    for row in result.stiffness_standard:
        click.echo(" ".join(f"{value + 0:9.2f}" for value in row.round(2)))
    check = result.strain_dependence
    change = f"{100 * check.strain_dependence:.2g} %"
    click.echo(
        f"largest change of a modulus from strains of {result.strains.max():g} to {check.check_strain:g}: {change}"
    )
    moduli = result.moduli
    if moduli is None:
        click.echo("mechanically unstable: no moduli")
        return
    click.echo("           Voigt    Reuss     Hill")
    click.echo(f"bulk    {moduli.bulk_voigt:8.2f} {moduli.bulk_reuss:8.2f} {moduli.bulk_hill:8.2f} GPa")
    click.echo(f"shear   {moduli.shear_voigt:8.2f} {moduli.shear_reuss:8.2f} {moduli.shear_hill:8.2f} GPa")
    click.echo(f"Young's modulus {moduli.young:.2f} GPa, Poisson's ratio {moduli.poisson:.4f}, ", nl=False)
    click.echo(f"universal anisotropy {moduli.anisotropy:.4f}")
    click.echo("mechanically stable (Born)")
