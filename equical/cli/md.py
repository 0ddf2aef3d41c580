"""``equical md``: thin skin over :func:`equical.md`."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from equical.cli.notices import warn_of_old_option
from equical.cli.options import (
    RunOptions,
    StructureFile,
    run_options,
    structure_argument,
)

if TYPE_CHECKING:
    from equical.workflows.md import MDResult

__all__ = ["md"]

# Spelled out here because the workflow imports ASE, which --help must not wait for; a test keeps them together.
ENSEMBLES = ("nve", "langevin", "bussi", "nose-hoover", "npt", "npt-iso", "berendsen")


class Temperature(click.ParamType):
    """``300``, or ``300:900`` for a ramp."""

    name = "temperature"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number, or a pair of them."""
        if not isinstance(value, str):
            return value
        try:
            numbers = tuple(float(part) for part in value.split(":"))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 2):
            self.fail(f"{value!r} is not a temperature in K such as 300, nor a ramp such as 300:900", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


@click.command("md", short_help="Molecular dynamics in seven ensembles, with its analysis.")
@structure_argument
@click.option("--ensemble", type=click.Choice(ENSEMBLES), default="bussi", show_default=True, help="What is constant.")
@click.option(
    "--temperature", type=Temperature(), default=300.0, show_default=True, metavar="K|K:K", help="Or a ramp, 300:900."
)
@click.option("--pressure", type=float, metavar="GPA", help="Of npt, npt-iso, berendsen.  [default: 0]")
@click.option("--timestep", type=float, default=1.0, show_default=True, metavar="FS", help="0.5 to 1 with hydrogen.")
@click.option("--steps", type=int, default=10_000, show_default=True, help="All of them, those before --resume too.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of velocities and stochastic thermostats.")
@click.option("--interval", type=int, metavar="STEPS", help="Between frames.  [default: 10 fs, 4 fs with light atoms]")
@click.option("--thermostat-time", type=float, default=100.0, show_default=True, metavar="FS", help="1/friction.")
@click.option("--barostat-time", type=float, default=1000.0, show_default=True, metavar="FS", help="Relaxation time.")
@click.option(
    "--equilibrate",
    type=float,
    default=0.2,
    show_default=True,
    metavar="STEPS",
    help="First steps that no average contains; below 1, a fraction of the run.",
)
@click.option("--equilibration", type=float, hidden=True)
@click.option("--keep-velocities", is_flag=True, help="Start from the velocities in the file.")
@click.option("--stop-outside", is_flag=True, help="Stop where a frame lies outside what the model knows.")
@click.option("--restart", is_flag=True, hidden=True)
@run_options
def md(
    structure: StructureFile,
    options: RunOptions,
    restart: bool,
    equilibration: float | None,
    **settings: Any,
) -> None:
    """Run molecular dynamics of STRUCTURE, in constant energy, temperature or pressure.

    \b
    nve          constant energy
    langevin     constant temperature: noise and friction, equilibrates fastest
    bussi        constant temperature: velocity rescaling, keeps the dynamics
    nose-hoover  constant temperature: deterministic
    npt          constant temperature and pressure, all cell parameters move
    npt-iso      the same, the cell keeps its shape
    berendsen    the same by weak coupling: to equilibrate only

    Writes trajectory, thermodynamics, RDF, MSD with diffusion coefficients, velocity autocorrelation and vibrational
    density of states, and plots. A killed run goes on with the same command and --resume; only --steps,
    --equilibrate and --stop-outside may change. Exit code 2 means that the atoms flew apart, or that --stop-outside
    stopped the run.
    """
    from equical.workflows.md import md as run

    atoms = structure.read()
    settings |= options.into(f"md-{structure.stem}")
    if restart:
        settings["resume"] = warn_of_old_option("--restart", "--resume", restart)
    if equilibration is not None:
        settings["equilibrate"] = warn_of_old_option("--equilibration", "--equilibrate", equilibration)
    result = run(atoms, options.make_calculator(), **settings)
    if not options.quiet:
        _report(result)
    options.finish(result)


def _report(result: MDResult) -> None:
    """Print what one wants to know first."""
    lines = {"steps": f"{result.steps} ({result.time:g} ps)"}
    if result.resumed_from is not None:
        lines["resumed from"] = f"step {result.resumed_from}"
    for name, average, unit in (
        ("temperature", result.temperature, "K"),
        ("potential energy", result.potential_energy, "eV"),
        ("pressure", result.pressure, "GPa"),
        ("volume", result.volume, "Å³"),
    ):
        if average is not None:
            lines[name] = f"{average} {unit}"
    if isfinite(result.density):
        lines["density"] = f"{result.density:.4g} g/cm³"
    if isfinite(result.energy_drift):
        lines["energy drift"] = f"{result.energy_drift:.3g} meV/atom/ps"
    if result.diffusion is not None:
        for element, value in result.diffusion.coefficient.items():
            reason = result.diffusion.reason.get(element)
            number = f"{value:.3g} ± {result.diffusion.error[element]:.1g} cm²/s"
            lines[f"diffusion of {element}"] = f"none: {reason}" if reason else number
    for name, text in lines.items():
        click.echo(f"{name:<18} {text}")
    click.echo(f"results in {result.output}")
