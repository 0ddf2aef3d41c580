"""``equical report``: thin skin over :func:`equical.report`."""

from __future__ import annotations

from pathlib import Path

import click

from equical.cli.options import debug_option, quiet_option


@click.command("report", short_help="A page with tables, plots and structures of a run.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@quiet_option
@debug_option
def report(folders: tuple[Path, ...], quiet: bool) -> None:
    """Write report.html into each folder DIR of a run that is over: a page to look at in a browser.

    It holds the figures to know first, warnings, tables that sort and filter, the plots, and the structures, which can
    be turned around; a click on a row shows its structure. One file, which needs no network. Runs write it themselves
    with --report.
    """
    from equical.workflows.report import report as write

    for folder in folders:
        page = write(folder)
        if not quiet:
            click.echo(page)
