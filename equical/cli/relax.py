"""``equical relax``: thin skin over :mod:`equical.workflows.relax.run`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import (
    RunOptions,
    StructureFile,
    finish,
    run_options,
    structure_argument,
    write_option,
)

if TYPE_CHECKING:
    from equical.workflows.relax import RelaxFailure, RelaxManyResult, RelaxResult


@click.command("relax", short_help="Relax atoms, and on request the cell.")
@structure_argument
@click.option(
    "--index", default=":", show_default=True, help="Which structures of the file, counted and sliced as in Python."
)
@click.option("--cell/--no-cell", default=False, show_default=True, help="Relax shape and volume of the cell too.")
@click.option("--fix-volume", is_flag=True, help="Relax the cell at constant volume.")
@click.option("--fix-shape", is_flag=True, help="Relax the cell at constant shape.")
@click.option("--pressure", type=float, default=0.0, show_default=True, metavar="GPA", help="Hydrostatic pressure.")
@click.option("--symmetry", is_flag=True, help="Keep the space group.")
@click.option("--fmax", type=float, default=0.01, show_default=True, metavar="EV/Å", help="Largest force to accept.")
@click.option("--smax", type=float, default=0.02, show_default=True, metavar="GPA", help="Largest stress to accept.")
@click.option("--steps", type=int, default=500, show_default=True, help="Most steps to take.")
@click.option(
    "--optimizer",
    type=click.Choice(["fire", "lbfgs", "bfgs"]),
    default="lbfgs",
    show_default=True,
    help="fire is robust.",
)
@run_options
@write_option
def relax(
    structure: StructureFile,
    index: str,
    cell: bool,
    fix_volume: bool,
    fix_shape: bool,
    pressure: float,
    symmetry: bool,
    fmax: float,
    smax: float,
    steps: int,
    optimizer: str,
    options: RunOptions,
    write: Path | None,
) -> None:
    """Relax the atoms of STRUCTURE, and with --cell its cell, until forces and stress vanish.

    STRUCTURE is any file ASE reads. Constraints in it are respected. Several structures are relaxed one after the
    other, and one that fails does not stop the rest.

    Exit code: 0 converged, 2 ran but not converged, 1 error.
    """
    from equical.workflows.common.frames import check_writable, write_structures
    from equical.workflows.common.inputs import select
    from equical.workflows.relax import RelaxSettings, relax_many
    from equical.workflows.relax import relax as relax_one

    if fix_volume and fix_shape:
        raise click.UsageError("--fix-volume and --fix-shape together leave nothing of the cell to relax")
    mode = "fixed-volume" if fix_volume else "fixed-shape" if fix_shape else "free" if cell else "fixed"
    settings = RelaxSettings(fmax, smax, steps, mode, pressure, symmetry, optimizer)  # type: ignore[arg-type]
    images = select(structure.read_all(), index)
    if write is not None:
        check_writable(write, len(images), replace=options.overwrite or options.resume, like=images[0])
    calculator, told = options.make_calculator(), options.into(f"relax-{structure.stem}")
    outcome: RelaxResult | RelaxManyResult
    if len(images) == 1:
        outcome = result = relax_one(images[0], calculator, **vars(settings), **told)
        relaxed, failed = [result], 0
        if not options.quiet:
            _print_result(result)
    else:
        report = partial(_print_outcome, quiet=options.quiet)
        outcome = many = relax_many(images, calculator, settings, **told, report=report)
        relaxed, failed = many.results, len(many) - len(many.results)
        if not options.quiet:
            converged = sum(one.converged for one in relaxed)
            click.echo(f"{converged} of {len(many)} converged; results in {many.output}")
    if write is not None and relaxed:
        write_structures(write, [one.atoms for one in relaxed])
    options.write_report(outcome)
    if failed:
        sys.exit(1)
    finish(all(one.converged for one in relaxed))


def _print_result(result: RelaxResult) -> None:
    atoms, settings = result.atoms, result.settings
    outcome = "converged" if result.converged else "NOT converged"
    rows = {
        "energy": f"{result.energy:.4f} eV  ({result.energy / len(atoms):.4f} eV/atom; "
        f"{result.energy - result.energies[0]:+.4f} eV since the start)",
        "largest force": f"{result.max_force:.2g} eV/Å  (to accept: {settings.fmax:g})",
    }
    if result.max_stress is not None:
        rows["largest stress"] = f"{result.max_stress:.2g} GPa  (to accept: {settings.smax:g})"
        lengths, angles = atoms.cell.lengths(), atoms.cell.angles()
        rows["cell"] = " ".join(f"{x:.4f}" for x in lengths) + " Å, " + " ".join(f"{x:.2f}" for x in angles) + "°"
    if result.space_group_before or result.space_group_after:
        rows["space group"] = f"{result.space_group_before} → {result.space_group_after}"
    rows["results in"] = str(result.output)
    click.echo(f"{atoms.get_chemical_formula()} {outcome} after {result.steps} steps ({result.wall_time:.1f} s)")
    for name, value in rows.items():
        click.echo(f"  {name:<15} {value}")
    if not result.converged:
        click.echo(f"  go on with      --resume --steps {2 * max(settings.steps, 1)}")


def _print_outcome(number: int, outcome: RelaxResult | RelaxFailure, quiet: bool) -> None:
    from equical.workflows.relax import RelaxFailure

    if isinstance(outcome, RelaxFailure):
        click.echo(f"equical: error: structure {number} ({outcome.structure}): {outcome.reason}", err=True)
    elif not quiet:
        word = "converged" if outcome.converged else "NOT converged"
        click.echo(
            f"{number:>4}  {outcome.atoms.get_chemical_formula():<12} {word:<14} {outcome.steps:>4} steps  "
            f"{outcome.energy / len(outcome.atoms):.4f} eV/atom  force {outcome.max_force:.4f} eV/Å"
        )
