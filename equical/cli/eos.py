"""``equical eos``: thin skin over :func:`equical.eos`."""

from __future__ import annotations

import click

from equical.cli.options import (
    RunOptions,
    StructureFile,
    run_options,
    structure_argument,
)

FORMS = (
    "birchmurnaghan", "birch", "murnaghan", "vinet", "pouriertarantola", "anton-schmidt", "sj", "taylor", "p3",
)  # fmt: skip


@click.command("eos", short_help="Equation of state: volume, bulk modulus.")
@structure_argument
@click.option("--form", type=click.Choice(FORMS), default=FORMS[0], show_default=True, help="ASE's name of it.")
@click.option(
    "--volume-range",
    type=float,
    default=0.06,
    show_default=True,
    help="Half width of the scan as a fraction of the input's volume (not of its lattice constants).",
)
@click.option("--points", type=int, default=11, show_default=True, help="Number of volumes, evenly spaced.")
@click.option("--relax-ions", is_flag=True, help="Relax the ions at each volume.")
@click.option("--relax-shape", is_flag=True, help="Relax the ions and the shape of the cell at each volume.")
@click.option("--fmax", type=float, default=1e-3, show_default=True, help="eV/Å. Where relaxations stop.")
@run_options
def eos(
    structure: StructureFile,
    form: str,
    volume_range: float,
    points: int,
    relax_ions: bool,
    relax_shape: bool,
    fmax: float,
    options: RunOptions,
) -> None:
    """Equation of state of a crystal: equilibrium volume, energy and bulk modulus.

    The cell is scaled isotropically over a range of volumes; --relax-shape lets it change its shape at each.
    A fit that cannot be trusted is refused with the reason, and the exit code is 2.
    """
    from equical.workflows.eos import eos as run

    atoms = structure.read()
    result = run(
        atoms,
        options.make_calculator(),
        form=form,
        volume_range=volume_range,
        num_points=points,
        relax="shape" if relax_shape else "ions" if relax_ions else "none",
        fmax=fmax,
        **options.into(f"eos-{structure.stem}"),
    )
    if not options.quiet:
        if result.structure is not None:
            n = len(atoms)
            fit = result.fit
            click.echo(f"V0   {result.volume:12.4f} Å³    {result.volume / n:.4f} Å³/atom")
            click.echo(f"E0   {result.energy:12.4f} eV    {result.energy / n:.4f} eV/atom")
            click.echo(f"B0   {result.bulk_modulus:12.2f} GPa")
            click.echo(f"B0'  {result.bulk_modulus_derivative:12.2f}")
            click.echo(f"lattice constants: {result.lattice_scale:.6f} × the input's")
            rms = f"{1000 * fit.rms_residual:.3g} meV/atom"
            click.echo(f"fit: {form}, {points} points, rms {rms}, R² {fit.r_squared:.6f}")
        click.echo(f"results in {result.output}")
    options.finish(result)
