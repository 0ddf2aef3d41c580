"""``equical conductivity``: thin skin over :func:`equical.conductivity`."""

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
from equical.errors import InputError

if TYPE_CHECKING:
    from equical.workflows.conductivity import ConductivityResult
    from equical.workflows.conductivity.settings import Method


@click.command("conductivity", short_help="Lattice thermal conductivity against temperature.")
@structure_argument
@harmonic_options(displacement=0.03, mesh=50.0, temperatures=(100, 1000, 100))
@click.option(
    "--third-order-supercell", type=(int, int, int), metavar="NX NY NZ", help="Repeats for third-order force constants."
)
@click.option("--third-order-min-length", type=float, help="Å. Least width of that supercell instead.  [default: 8]")
@click.option("--pair-cutoff", type=float, help="Å. Displace no pairs that are farther apart.  [default: all]")
@click.option(
    "--method",
    type=click.Choice(["rta", "lbte"]),
    default="rta",
    show_default=True,
    help="Relaxation-time approximation, or the linearized Boltzmann equation solved directly.",
)
@click.option("--isotopes", is_flag=True, help="Scatter phonons at the natural mixture of isotopes, too.")
@run_options
def conductivity(
    structure: StructureFile,
    third_order_supercell: tuple[int, int, int] | None,
    third_order_min_length: float | None,
    pair_cutoff: float | None,
    method: Method,
    isotopes: bool,
    harmonic: dict[str, Any],
    options: RunOptions,
) -> None:
    """Lattice thermal conductivity of a crystal against temperature, through phono3py.

    The crystal is relaxed first, cell and ions. Pairs of atoms are displaced in a supercell, which takes some hundred
    calculations; forces are kept as they come, and --resume finds them again, also with another mesh, other
    temperatures or another method. A crystal with imaginary modes is refused.
    """
    from equical.workflows.conductivity import conductivity as run

    if third_order_supercell and third_order_min_length is not None:
        raise InputError("give either --third-order-supercell or --third-order-min-length, not both")
    result = run(
        structure.read(),
        options.make_calculator(),
        third_order_supercell=third_order_supercell
        or (8.0 if third_order_min_length is None else third_order_min_length),
        pair_cutoff=pair_cutoff,
        method=method,
        isotopes=isotopes,
        **harmonic,
        **options.into(f"conductivity-{structure.stem}"),
    )
    if not options.quiet:
        _print(result)
        click.echo(f"results in {result.output}")
    options.finish(result)


def _print(result: ConductivityResult) -> None:
    second, third = ("×".join(map(str, repeats)) for repeats in (result.supercell, result.third_order_supercell))
    click.echo(
        f"space group {result.space_group}, supercells {second} and {third} (third order), "
        f"{result.num_displacements} displacements"
    )
    if result.num_reused:
        click.echo(f"{result.num_reused} calculations were found from an earlier run")
    coarser = result.coarser
    mesh = "×".join(map(str, result.transport.mesh))
    compared = "" if coarser is None else f"; mean on {'×'.join(map(str, coarser.mesh))} in the last column"
    click.echo(f"thermal conductivity in W/m/K on a mesh of {mesh}{compared}")
    click.echo("    T (K)      xx        yy        zz       mean" + ("" if coarser is None else "    coarser"))
    for index, kelvin in enumerate(result.temperatures):
        tensor = result.kappa[index]
        values = [tensor[0, 0], tensor[1, 1], tensor[2, 2], result.transport.mean[index]]
        values += [] if coarser is None else [coarser.mean[index]]
        click.echo(f"{kelvin:9.1f}" + "".join(f" {value:9.3f}" for value in values))
