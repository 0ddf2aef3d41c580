"""``equical models``: thin skin over :mod:`equical.catalogue`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import StructureFile, debug_option

if TYPE_CHECKING:
    from equical.catalogue import ShippedModel


@click.command("models", short_help="Shipped models, and which are made for a structure.")
@click.argument("name", required=False)
@click.option(
    "--for", "file", type=click.Path(path_type=Path), metavar="FILE", help="Which cover the structures in it?"
)
@debug_option
def models(name: str | None, file: Path | None) -> None:
    """Shipped models: all of them, those made for the structures in a file, or the card of NAME.

    The most specialised come first. Where a structure decides (--model auto, the default), the first one that is made
    for it is taken.

    Exit code: 0, or 2 where with --for no model covers all structures.
    """
    from equical.catalogue import catalogue
    from equical.errors import InputError

    known = catalogue()
    if name is not None and file is not None:
        raise click.UsageError("give NAME for its card, or --for FILE, not both")
    if name is not None:
        found = [model for model in known if model.name == name]
        if not found:
            raise InputError(f"there is no shipped model {name!r}, only {', '.join(model.name for model in known)}")
        click.echo(found[0].card)
    elif file is not None:
        click.get_current_context().exit(0 if _print_fit(known, StructureFile(file, None, None)) else 2)
    else:
        for model in known:
            _print(model)


def _print(model: ShippedModel) -> None:
    domain = model.domain
    elements = ", ".join(model.elements) if len(model.elements) <= 20 else f"{len(model.elements)}, see its card"
    click.echo(f"{model.name}  ({model.size / 1e6:.1f} MB)")
    rows = {"elements": elements, "made for": str(domain), "level": domain.level, "errors": domain.errors}
    for title, value in rows.items():
        click.echo(f"  {title:<9} {value}")


def _print_fit(known: list[ShippedModel], file: StructureFile) -> bool:
    """One line for each model and structure, equal ones together; returns whether some model covers all."""
    from equical.catalogue import objections

    images = file.read_all()
    complete = False
    for model in known:
        reasons = objections(model, images)
        complete |= not reasons
        covered = len(images) - sum(reasons.values())
        word = "covers it" if covered == len(images) == 1 else f"covers {covered} of {len(images)}"
        click.echo(f"{model.name}: {word}")
        for reason, number in reasons.items():
            click.echo(f"  {number} not: {reason}" if len(images) > 1 else f"  {reason}")
    return complete
