"""``equical qha``: thin skin over :func:`equical.qha`."""

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
    from equical.workflows.qha import QhaResult

ROWS = 6
"""Temperatures in the table, at most; all of them are in ``qha.csv``."""


@click.command("qha", short_help="Thermal expansion and bulk modulus against temperature.")
@structure_argument
@click.option(
    "--volume-range",
    type=(float, float),
    metavar="SMALLEST LARGEST",
    default=(0.97, 1.09),
    show_default=True,
    help="Relative to the volume of the relaxed crystal.",
)
@click.option("--volumes", type=int, default=9, show_default=True, help="How many, evenly spaced.")
@click.option(
    "--form",
    type=click.Choice(["vinet", "birchmurnaghan", "murnaghan"]),
    default="vinet",
    show_default=True,
    help="Equation of state of the free energy.",
)
@click.option("--pressure", type=float, default=0.0, show_default=True, help="GPa, hydrostatic.")
@harmonic_options()
@run_options
def qha(
    structure: StructureFile,
    volume_range: tuple[float, float],
    volumes: int,
    form: str,
    pressure: float,
    harmonic: dict[str, Any],
    options: RunOptions,
) -> None:
    """Thermal expansion, heat capacity, bulk modulus and Gibbs energy of a crystal against temperature.

    Phonons over volumes, in the quasi-harmonic approximation, through phonopy. The crystal is relaxed first, cell and
    ions. Volumes with imaginary modes, and volumes that do not bracket the minimum of the free energy, are refused;
    what was calculated is kept, and found again with --resume and another --volume-range or other --temperatures.
    """
    from equical.workflows.qha import qha as run

    result = run(
        structure.read(),
        options.make_calculator(),
        volume_range=volume_range,
        num_volumes=volumes,
        form=form,
        pressure=pressure,
        **harmonic,
        **options.into(f"qha-{structure.stem}"),
    )
    if not options.quiet:
        _print(result)
        click.echo(f"results in {result.output}")
    options.finish(result)


def _print(result: QhaResult) -> None:
    import numpy as np

    repeats = "×".join(str(n) for n in result.supercell)
    click.echo(
        f"space group {result.space_group}, supercell {repeats}, {len(result.volumes)} volumes, "
        f"{result.num_displacements} displacements"
    )
    if result.num_reused:
        click.echo(f"{result.num_reused} calculations were found from an earlier run")
    found = result.equilibrium
    click.echo("    T (K)  V (Å³/atom)  α (10⁻⁶/K)  B (GPa)  C_P (J/K/mol)  G (eV/atom)")
    columns = [
        found.volume,
        1e6 * found.thermal_expansion,
        found.bulk_modulus,
        found.heat_capacity_p,
        found.gibbs_energy,
    ]
    for index in np.unique(np.linspace(0, len(result.temperatures) - 1, ROWS).round().astype(int)):
        volume, expansion, bulk_modulus, heat, gibbs = (column[index] for column in columns)
        kelvin = result.temperatures[index]
        click.echo(f"{kelvin:9.1f} {volume:12.4f} {expansion:11.2f} {bulk_modulus:8.2f} {heat:14.3f} {gibbs:12.4f}")
    click.echo("α is that of the volume: a third of it along each direction of a cubic crystal")
