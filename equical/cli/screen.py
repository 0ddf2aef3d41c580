"""``equical screen``: thin skin over :func:`equical.screen`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from equical.cli.options import RunOptions, run_options

if TYPE_CHECKING:
    from equical.workflows.screen import ScreenFailure, ScreenResult, ScreenStatus

MOST_LINES = 40
"""Lines of a list that are printed; the files have all."""


@click.command("screen", short_help="Adsorption energies from a table, on all cores or a cluster.")
@click.argument("table", metavar="TABLE|DIR", type=click.Path(path_type=Path))
@click.option("--site", multiple=True, help="Kind or name of sites to try (top, bridge, hollow, fcc …); repeat it.")
@click.option("--azimuth", multiple=True, type=float, help="Directions to try, degrees; repeat it.  [default: 0 90]")
@click.option("--fmax", type=float, default=0.03, show_default=True, metavar="EV/Å", help="Largest force to accept.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@click.option("--workers", type=int, help="Processes on this machine; 0: this one alone.  [default: one a core]")
@click.option("--memory", metavar="SIZE", help="That each of them may take, such as 4GB.  [default: an equal share]")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers do it, such as tcp://node7:8786.")
@click.option("--retry-failed", is_flag=True, help="Go on as with --resume, and try again what has failed.")
@click.option("--status", is_flag=True, help="Tell how far the run in DIR is, and do nothing else.")
@click.option("--export", type=click.Choice(["csv", "extxyz"]), help="Write all configurations of the run in DIR.")
@run_options
def screen(
    table: Path,
    site: tuple[str, ...],
    azimuth: tuple[float, ...],
    fmax: float,
    steps: int,
    workers: int | None,
    memory: str | None,
    scheduler: str | None,
    retry_failed: bool,
    status: bool,
    export: Literal["csv", "extxyz"] | None,
    options: RunOptions,
) -> None:
    """Adsorption energies of many adsorbates on many surfaces, on all cores or on a cluster.

    TABLE is a CSV or YAML file; each line asks for all combinations of what is in it:

    \b
    bulk,      facets,        adsorbates, size
    Pt; Cu,    1 1 1; 1 0 0,  O OH H,     2x2
    Pt3Ni,     1 1 1,         O,          2x2

    More columns: slab (files, in place of bulk and facets), prototype, layers, vacuum, termination, freeze, keep_bulk,
    reference, binding_atom. A line that cannot be used is named and left out.

    \b
    equical screen table.csv --model catalysis-rpbe
    equical screen table.csv --resume                      goes on after anything
    equical screen table.csv --scheduler tcp://node7:8786
    equical screen --status screen-table
    equical screen --export csv screen-table

    Exit code: 0 all is done and converged, 2 something is not, 1 error.
    """
    if status or export:
        from equical.workflows.screen import export_screen, screen_status

        if status:
            _print_status(screen_status(table))
        if export:
            click.echo(f"written {export_screen(table, export)}")
        return

    from equical.workflows.adsorption.place import AZIMUTHS
    from equical.workflows.screen import screen as run

    result = run(
        table,
        options.calculator_maker(),
        sites=site or None,
        azimuths=azimuth or AZIMUTHS,
        fmax=fmax,
        steps=steps,
        workers=workers,
        memory=memory,
        scheduler=scheduler,
        retry_failed=retry_failed,
        **options.into(f"screen-{table.stem}"),
    )
    if not options.quiet:
        _print(result)
    options.finish(result)


def _print(result: ScreenResult) -> None:
    from equical.workflows.common.suitability import OUTSIDE

    done, failed = (result.relaxations.get(name, 0) for name in ("done", "failed"))
    reused = f", {result.reused} of them before" if result.reused else ""
    click.echo(f"{done} relaxations done{reused}, {failed} failed ({result.wall_time:.1f} s)")
    width = max(len("surface"), *(len(one.surface) for one in result.adsorptions))
    click.echo(f"{'surface':<{width}}  adsorbate  E_ads (eV)  site           reference")
    for one in result.adsorptions[:MOST_LINES]:
        energy = "-" if one.adsorption_energy is None else f"{one.adsorption_energy:.3f}"
        line = f"{one.surface:<{width}}  {one.adsorbate:<9}  {energy:>10}  {one.site or '-':<13}  {one.reference}"
        click.echo(f"{line}  {OUTSIDE}" if one.outside else line)
    _print_rest(len(result.adsorptions), "screen.csv")
    _print_failures(result.failures)
    if result.blocked:
        click.echo(f"not tried because of a failure: {', '.join(result.blocked[:MOST_LINES])}")
        _print_rest(len(result.blocked), "result.json")
    click.echo(f"results in {result.output}")


def _print_failures(failures: tuple[ScreenFailure, ...]) -> None:
    for failure in failures[:MOST_LINES]:
        click.echo(f"failed: {failure.name}: {failure.reason}")
    _print_rest(len(failures), "result.json")


def _print_rest(number: int, file: str) -> None:
    if number > MOST_LINES:
        click.echo(f" ... and {number - MOST_LINES} more, see {file}")


def _print_status(status: ScreenStatus) -> None:
    share = 100 * status.ended / max(status.expected, 1)
    click.echo(f"{status.ended} of about {status.expected} relaxations ({share:.0f} %)")
    click.echo("              done  open  failed")
    for kind, counts in status.counts.items():
        done, still, failed = (counts.get(name, 0) for name in ("done", "open", "failed"))
        click.echo(f"  {kind:<10} {done:>5} {still:>5} {failed:>7}")
    if status.per_hour is not None and status.seconds_left is not None:
        left = f", {_duration(status.seconds_left)} left" if status.ended < status.expected else ""
        click.echo(f"{status.per_hour:.0f} an hour{left}")
    if status.seconds_since is not None:
        click.echo(f"last one {_duration(status.seconds_since)} ago")
    _print_failures(status.failures)


def _duration(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
