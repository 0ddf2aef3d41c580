"""``equical phonon``: thin skin over :func:`equical.phonon`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from equical.cli.harmonic_options import harmonic_options
from equical.cli.options import (
    RunOptions,
    StructureFile,
    run_options,
    structure_argument,
)

if TYPE_CHECKING:
    from equical.workflows.phonon import PhononResult


@click.command("phonon", short_help="Phonons: bands, densities of states, thermal properties.")
@structure_argument
@harmonic_options()
@click.option("--relax-first", is_flag=True, help="Relax the ions first, within the cell and the space group.")
@click.option("--force", is_flag=True, help="Go on although the structure has forces above 1e-3 eV/Å.")
@run_options
def phonon(
    structure: StructureFile,
    relax_first: bool,
    force: bool,
    harmonic: dict[str, Any],
    options: RunOptions,
) -> None:
    """Phonons of a crystal: bands, density of states, thermal properties, imaginary modes.

    Finite displacements in a supercell, through phonopy, whose own tools can go on from the files written here. Forces
    are kept as they come: a run that was killed goes on with --resume.
    """
    from equical.workflows.phonon import phonon as run

    result = run(
        structure.read(),
        options.make_calculator(),
        relax_first=relax_first,
        force=force,
        **harmonic,
        **options.into(f"phonon-{structure.stem}"),
    )
    if not options.quiet:
        _print(result)
        click.echo(f"results in {result.output}")
    options.finish(result)


def _print(result: PhononResult) -> None:
    repeats = "×".join(str(n) for n in result.supercell)
    click.echo(f"space group {result.space_group}, supercell {repeats}, {result.num_displacements} displacements")
    if result.num_reused:
        click.echo(f"{result.num_reused} calculations were found from an earlier run")
    highest = max(f.max() for f in result.band_frequencies)
    zero_point = 1000 * result.thermal.zero_point_energy
    click.echo(f"highest frequency {highest:.3f} THz, zero-point energy {zero_point:.2f} meV/atom")
    if not result.imaginary_modes:
        click.echo("dynamically stable: no imaginary modes")
    for mode in result.imaginary_modes:
        q = " ".join(f"{x:8.4f}" for x in mode.q)
        click.echo(f"imaginary: {mode.frequency:8.3f} THz at q = {q}, band {mode.band} ({mode.where})")
