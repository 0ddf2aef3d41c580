"""``equical data check``: thin skin over :func:`equical.check_data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from equical.cli.data_options import data_values, label_options
from equical.cli.options import debug_option, finish


@click.group("data", short_help="Look for what is wrong with labelled structures.")
def data() -> None:
    """Look after data sets."""


@data.command("check")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@label_options
@click.option("--valid", type=click.Path(path_type=Path), help="Validation data, to be compared with FILES.")
@click.option("--model", metavar="NAME|DIR", help="Test units and signs against a model that covers the elements.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Also write the findings as JSON.")
@debug_option
def check(files: tuple[Path, ...], valid: Path | None, model: str | None, output: Path | None, **labels: Any) -> None:
    """Check labelled structures in FILES: units, signs, missing labels, outliers, duplicates, correlated frames.

    The exit code is 0 without errors, 2 with errors.
    """
    from equical.training.check import check_data

    result = check_data(
        data_values(files, **labels),
        valid=None if valid is None else data_values([valid], **labels),
        model=model,
        output=output,
    )
    click.echo(result.summary)
    for finding in result.findings:
        click.echo(finding.line())
    if not result.findings:
        click.echo("nothing to complain about")
    finish(result.converged)
