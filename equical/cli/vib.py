"""``equical vib``: thin skin over :func:`equical.vib`."""

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
    from equical.workflows.vib import VibResult

MOST_LINES = 30
"""Modes that are printed; the table in the folder has all."""


@click.command("vib", short_help="Vibrations and free energies of molecules and adsorbates.")
@structure_argument
@click.option(
    "--indices",
    metavar="LIST",
    help="Atoms that vibrate, counted from 0, such as 36,37 or 36: or -2:.  [default: all that are not frozen]",
)
@click.option("--displacement", type=float, default=0.01, show_default=True, help="Å. How far atoms are moved.")
@click.option("--temperature", type=float, default=298.15, show_default=True, help="K. Of the thermochemistry.")
@click.option("--pressure", type=float, default=1.0, show_default=True, metavar="BAR", help="Of an ideal gas.")
@click.option(
    "--statistics",
    type=click.Choice(["auto", "ideal-gas", "harmonic"]),
    default="auto",
    show_default=True,
    help="Of a free molecule, or of vibrations alone; auto decides by the structure.",
)
@click.option("--symmetry-number", type=int, help="Of a free molecule.  [default: found]")
@click.option("--spin", type=float, default=0.0, show_default=True, help="Of a free molecule: 0.5 radical, 1 triplet.")
@click.option(
    "--low-frequency-cutoff",
    type=float,
    default=0.0,
    show_default=True,
    metavar="CM-1",
    help="Thermochemistry takes lower frequencies to be at it.",
)
@click.option("--relax-first", is_flag=True, help="Relax the atoms that vibrate first.")
@click.option("--force", is_flag=True, help="Go on although they feel forces above 0.01 eV/Å.")
@run_options
def vib(
    structure: StructureFile,
    indices: str | None,
    displacement: float,
    temperature: float,
    pressure: float,
    statistics: str,
    symmetry_number: int | None,
    spin: float,
    low_frequency_cutoff: float,
    relax_first: bool,
    force: bool,
    options: RunOptions,
) -> None:
    """Vibrations of a molecule or an adsorbate: modes, zero-point energy, thermochemistry, imaginary modes.

    Finite displacements of all atoms that are not frozen. A structure with vacuum on all sides is a free molecule and
    an ideal gas; everything else is harmonic. A run that was killed goes on with --resume.
    """
    from equical.workflows.vib import vib as run

    atoms = structure.read()
    result = run(
        atoms,
        options.make_calculator(),
        indices=None if indices is None else _indices(indices, len(atoms)),
        displacement=displacement,
        statistics=statistics,  # type: ignore[arg-type]
        temperature=temperature,
        pressure=pressure,
        symmetry_number=symmetry_number,
        spin=spin,
        low_frequency_cutoff=low_frequency_cutoff,
        relax_first=relax_first,
        force=force,
        **options.into(f"vib-{structure.stem}"),
    )
    if not options.quiet:
        _print(result)
        click.echo(f"results in {result.output}")
    options.finish(result)


def _indices(text: str, count: int) -> list[int]:
    """Numbers and slices in Python's notation, separated by commas.

    >>> _indices("0, 3:5,-2:", 8)
    [0, 3, 4, 6, 7]
    """
    from equical.errors import InputError

    found: list[int] = []
    for part in text.split(","):
        try:
            numbers = [int(number) if number.strip() else None for number in part.split(":")]
            chosen = list(range(count)[slice(*numbers)]) if ":" in part else [int(part)]
        except (ValueError, TypeError):
            raise InputError(f"--indices {text!r}: {part!r} is neither a number nor a slice such as 4:8") from None
        if not chosen:
            raise InputError(f"--indices {text!r}: {part!r} selects none of {count} atoms")
        found += chosen
    return found


def _print(result: VibResult) -> None:
    from ase import units

    from equical.workflows.vib.modes import movers

    atoms = result.structure
    number = len(result.indices)
    what = f"{number} atom{'s' if number > 1 else ''} displaced"
    if result.geometry:
        what = f"{result.geometry}, {result.point_group}"
    click.echo(f"{atoms.get_chemical_formula()}: {what}; {6 * number} displacements")
    if result.num_reused:
        click.echo(f"{result.num_reused} calculations were found from an earlier run")
    if len(result.frequencies):
        click.echo("mode    cm⁻¹     meV  moves")
    for number, frequency in enumerate(result.frequencies[:MOST_LINES].tolist(), start=1):
        moves = movers(result.modes.displacements[number - 1], atoms, result.indices)
        click.echo(f"{number:>4} {frequency:>7.1f} {1000 * units.invcm * frequency:>7.1f}  {moves}")
    if len(result.frequencies) > MOST_LINES:
        click.echo(f" ... and {len(result.frequencies) - MOST_LINES} more, up to {result.frequencies[-1]:.1f} cm⁻¹")
    click.echo(f"zero-point energy {result.zero_point_energy:.4f} eV")
    thermo, energy = result.thermo, result.energy
    if thermo.statistics == "ideal-gas":
        conditions = f"{thermo.pressure:g} bar: ideal gas, symmetry number {thermo.symmetry_number}, "
        conditions = f" and {conditions}spin {thermo.spin:g}"
    else:
        conditions = ": harmonic oscillators"
    raised = f", {thermo.num_raised} frequencies raised to {thermo.low_frequency_cutoff:g} cm⁻¹"
    click.echo(f"at {thermo.temperature:g} K{conditions}{raised if thermo.num_raised else ''}")
    click.echo(f"  potential energy E  {energy:>10.4f} eV")
    click.echo(f"  enthalpy    H − E   {thermo.enthalpy - energy:>10.4f} eV")
    click.echo(f"  entropy     T · S   {thermo.temperature * thermo.entropy:>10.4f} eV  ({thermo.entropy:.6f} eV/K)")
    click.echo(f"  free energy G − E   {thermo.gibbs_energy - energy:>10.4f} eV")
