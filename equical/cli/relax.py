"""``equical relax``: thin skin over :func:`equical.relax`."""

from __future__ import annotations

from pathlib import Path

import click

from equical.cli.options import structure_argument


@click.command("relax")
@structure_argument
def relax(structure: Path) -> None:
    """Relax structures."""
