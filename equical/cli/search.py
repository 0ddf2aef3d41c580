"""``equical search``: thin skin over :func:`equical.search`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from equical.cli.options import RunOptions, run_options

if TYPE_CHECKING:
    from equical.workflows.search import SearchResult

SHOWN = 10
"""Structures in the table."""


@click.command("search", short_help="Stable crystals of a composition, from random structures.")
@click.argument("composition")
@click.option("--units", default="1", show_default=True, metavar="N[:M]", help="Formula units in a cell.")
@click.option("--structures", type=int, default=100, show_default=True, help="How many random structures.")
@click.option(
    "--volume", type=float, metavar="Å³", help="Per atom, to start from.  [default: of the elements' own crystals]"
)
@click.option(
    "--distance",
    "distances",
    multiple=True,
    metavar="A-B=Å",
    help="How close atoms may start, such as Si-O=1.5; again for other pairs.  [default: 0.85 of the sum of radii]",
)
@click.option(
    "--operations", default="1:4", show_default=True, metavar="N[:M]", help="Symmetry operations to start with."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random numbers.")
@click.option(
    "--window",
    type=float,
    default=0.15,
    show_default=True,
    metavar="EV/ATOM",
    help="What lies higher above the lowest of its composition is not relaxed to the end.",
)
@click.option("--fmax", type=float, default=0.02, show_default=True, metavar="EV/Å", help="Largest force to accept.")
@click.option("--smax", type=float, default=0.1, show_default=True, metavar="GPA", help="Largest stress to accept.")
@click.option("--steps", type=int, default=200, show_default=True, help="Most steps to take, twice.")
@run_options
def search(
    composition: str,
    units: str,
    structures: int,
    volume: float | None,
    distances: tuple[str, ...],
    operations: str,
    seed: int,
    window: float,
    fmax: float,
    smax: float,
    steps: int,
    options: RunOptions,
) -> None:
    """Stable crystals of a composition, from random structures.

    COMPOSITION is a formula such as SiO2, or a range of atoms in the cell for each element such as Li=0:8,Si=0:4, which
    makes a convex hull. A run that was killed goes on with --resume, and grows where --structures is larger.

    Exit code: 0 converged, 2 where the lowest structure of a composition has not converged, 1 error.
    """
    from equical.workflows.search import search as run

    told = {"units": _range("--units", units), "operations": _range("--operations", operations)}
    result = run(
        composition,
        options.make_calculator(),
        **told,  # type: ignore[arg-type]
        structures=structures,
        volume=volume,
        distances=dict(_pair(each) for each in distances),
        seed=seed,
        window=window,
        fmax=fmax,
        smax=smax,
        steps=steps,
        **options.into(f"search-{composition}"),
    )
    if not options.quiet:
        _print(result)
    options.finish(result)


def _range(option: str, text: str) -> tuple[int, int]:
    """``2`` or ``1:4``."""
    least, _, most = text.partition(":")
    try:
        return int(least), int(most or least)
    except ValueError:
        raise click.UsageError(f"{option} takes a number or a range such as 1:4, not {text!r}") from None


def _pair(text: str) -> tuple[str, float]:
    """``Si-O=1.5``."""
    pair, _, length = text.partition("=")
    try:
        return pair, float(length)
    except ValueError:
        raise click.UsageError(f"--distance takes a pair and a length such as Si-O=1.5, not {text!r}") from None


def _print(result: SearchResult) -> None:
    from equical.workflows.common.suitability import OUTSIDE

    settings = result.settings
    click.echo(
        f"{settings.composition}: {settings.structures} structures, {len(result.failures)} failed, "
        f"{len(result.dropped)} dropped as too high, {len(result.found)} distinct ({result.wall_time:.1f} s)"
    )
    click.echo("rank  formula     atoms  eV/atom    above hull  Å³/atom  space group       found  number")
    for rank, one in enumerate(result.found[:SHOWN], start=1):
        click.echo(
            f"{rank:>4}  {one.formula:<10}  {len(one.atoms):>5}  {one.energy_per_atom:>9.4f}  {one.above_hull:>10.4f}  "
            f"{one.volume_per_atom:>7.2f}  {one.space_group or '?':<16}  {len(one.numbers):>5}  {one.numbers[0]:>6}"
            f"{'' if one.converged else '  NOT converged'}{f'  {OUTSIDE}' if one.outside else ''}"
        )
    if len(result.found) > SHOWN:
        click.echo(f"      and {len(result.found) - SHOWN} more")
    click.echo(f"  results in  {result.output}")
