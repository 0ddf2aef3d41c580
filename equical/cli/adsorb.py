"""``equical adsorb``: thin skin over :func:`equical.adsorption_energy`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.options import (
    FORMAT_HELP,
    SPECIES_HELP,
    RunOptions,
    StructureFile,
    run_options,
)
from equical.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from equical.workflows.adsorption import SlabFromBulk
    from equical.workflows.common.result import Result


class SurfaceSize(click.ParamType):
    """Repetitions of a surface cell, such as ``3x3``."""

    name = "NxM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        found = re.fullmatch(r"(\d+)[x×](\d+)", str(value))
        if found is None:
            self.fail(f"{value!r} is no size such as 3x3", param, ctx)
        return int(found[1]), int(found[2])


class AdsorbCommand(click.Command):
    """Takes four Miller indices as well as three."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        start = args.index("--miller") + 1 if "--miller" in args else len(args)
        if len(args) >= start + 4 and all(re.fullmatch(r"-?\d+", index) for index in args[start : start + 4]):
            h, k, i = map(int, args[start : start + 3])
            if h + k + i:
                raise InputError(f"of four Miller indices the first three must add up to 0, not {h} {k} {i}")
            args = [*args[: start + 2], *args[start + 3 :]]
        return super().parse_args(ctx, args)


@click.command("adsorb", short_help="Adsorption energies on all sites of a surface.", cls=AdsorbCommand)
@click.argument("adsorbate", nargs=-1, required=True)
@click.option("--slab", type=click.Path(path_type=Path), metavar="FILE", help="A slab, vacuum along its third vector.")
@click.option("--bulk", metavar="FORMULA|FILE", help="A crystal to relax and cut the slab from: Pt, Pt3Ni, MgO …")
@click.option("--prototype", metavar="NAME", help="Its structure: hcp, l12, l10, b2, rocksalt …  [default: usual one]")
@click.option("--format", "file_format", metavar="NAME", help=f"Of --slab or --bulk: {FORMAT_HELP}")
@click.option("--species", metavar="LIST", help=f"Of --slab or --bulk: {SPECIES_HELP}")
@click.option("--miller", nargs=3, type=int, metavar="H K L", help="Miller indices, three or four.  [default: 1 1 1]")
@click.option("--layers", type=int, help="Planes of atoms.  [default: at least 4, and 5 Å thick]")
@click.option("--size", type=SurfaceSize(), help="Repetitions of the smallest surface cell.  [default: 3x3]")
@click.option("--vacuum", type=float, metavar="Å", help="Between the slab and its next image.  [default: 15]")
@click.option("--termination", type=int, help="Layers to cut off the top, to expose another one.  [default: 0]")
@click.option("--keep-bulk", is_flag=True, help="Cut the slab from the crystal as it is, without relaxing it.")
@click.option("--freeze", type=int, help="Layers to freeze.  [default: as in the file, else the lower half]")
@click.option("--site", multiple=True, help="Kind or name of sites to try (top, bridge, hollow, fcc …); repeat it.")
@click.option("--azimuth", multiple=True, type=float, help="Directions to try, degrees; repeat it.  [default: 0 90]")
@click.option("--tilt", multiple=True, type=float, help="Tilts to try, degrees; repeat it.")
@click.option("--binding-atom", multiple=True, type=int, help="For a molecule from a file: which atom binds, from 0.")
@click.option("--configurations", type=int, default=0, metavar="N", help="Random places to try beside the sites.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random places.")
@click.option("--thermo", nargs=2, type=float, metavar="K BAR", help="Also the Gibbs energy there, such as 300 1.0.")
@click.option(
    "--coverage", multiple=True, type=float, help="Adsorbates per surface atom, in place of --size; repeat it."
)
@click.option("--reference", metavar="TEXT", help="What makes the adsorbate, such as '1/2 O2'.  [default: H2, H2O, …]")
@click.option("--fmax", type=float, default=0.03, show_default=True, metavar="EV/Å", help="Largest force to accept.")
@click.option("--steps", type=int, default=300, show_default=True, help="Most steps of a relaxation.")
@run_options
def adsorb(
    adsorbate: tuple[str, ...],
    slab: Path | None,
    bulk: str | None,
    freeze: int | None,
    site: tuple[str, ...],
    azimuth: tuple[float, ...],
    tilt: tuple[float, ...],
    binding_atom: tuple[int, ...],
    configurations: int,
    seed: int,
    thermo: tuple[float, float] | None,
    coverage: tuple[float, ...],
    reference: str | None,
    fmax: float,
    steps: int,
    options: RunOptions,
    **cut: Any,
) -> None:
    """Adsorption energies of ADSORBATE, one or several, on all sites of a surface.

    ADSORBATE is a name (O, OH, CO, OOH, all of OC20 …; a wrong one lists them) or a structure file. For several, bulk,
    slab and gas molecules are relaxed once.
    The slab comes from a file (--slab) or is cut from a relaxed crystal (--bulk).

    \b
    equical adsorb O --bulk Pt --miller 1 1 1 --layers 4 --size 3x3
    equical adsorb OH --slab slab.cif --reference "H2O - 1/2 H2"
    equical adsorb H --bulk NiAl --prototype b2 --miller 1 1 0
    equical adsorb CH2O --bulk Pt --configurations 40
    equical adsorb CO --bulk Pt --thermo 300 1.0
    equical adsorb O OH H --bulk Pt
    equical adsorb O --bulk Pt --coverage 0.25 --coverage 0.5 --coverage 1
    equical adsorb ethanol.xyz --slab slab.cif --binding-atom 2 --tilt 0 --tilt 60

    E_ads = E(slab + adsorbate) − E(slab) − E(references), negative where adsorption is exothermic. Configurations that
    desorbed, dissociated, migrated to another site, reconstructed the slab or did not converge are shown, not ranked.
    """
    from equical.workflows.adsorption import adsorbate as look_up
    from equical.workflows.adsorption import adsorption_energies, adsorption_energy
    from equical.workflows.adsorption.place import AZIMUTHS
    from equical.workflows.adsorption.report import format_series, format_summary

    species = [look_up(one, binding_atom or None, tilt or None) for one in adsorbate]
    surface, stem = _surface(slab, bulk, cut, (1, 1) if coverage else (3, 3))
    settings: dict[str, Any] = {
        "sites": site or None,
        "azimuths": azimuth or AZIMUTHS,
        "freeze": freeze,
        "fmax": fmax,
        "steps": steps,
        "configurations": configurations,
        "seed": seed,
        "thermo": thermo,
        **options.into(f"adsorb-{'-'.join(one.name for one in species)}-{stem}"),
    }
    outcome: Result
    calculator = options.make_calculator()
    if len(species) == 1 and not coverage:
        result = adsorption_energy(surface, species[0], calculator, reference=reference, **settings)
        text, outcome = format_summary(result), result
    else:
        if reference is not None and len(species) > 1:
            raise InputError("--reference is for one adsorbate: leave it out, or run the adsorbates one by one")
        references = None if reference is None else {species[0].name: reference}
        series = adsorption_energies(
            surface, species, calculator, coverages=coverage or None, references=references, **settings
        )
        text, outcome = format_series(series), series
    if not options.quiet:
        click.echo(text)
        click.echo(f"results in {outcome.output}")
    options.finish(outcome)


def _surface(
    slab: Path | None, bulk: str | None, cut: dict[str, Any], size: tuple[int, int]
) -> tuple[Path | Atoms | SlabFromBulk, str]:
    """The slab, or how to cut it, by default in that size, and a short name for it."""
    from equical.workflows.adsorption import SlabFromBulk

    keep, *stated = (cut.pop(name) for name in ("keep_bulk", "file_format", "species"))
    given = {name: value for name, value in cut.items() if value is not None and value != ()}
    if (slab is None) == (bulk is None):
        raise InputError("give either a slab with --slab FILE, or a crystal to cut it from such as --bulk Pt")
    if slab is not None:
        if given or keep:
            wrong = ", ".join(f"--{name.replace('_', '-')}" for name in [*given, *(["keep-bulk"] if keep else [])])
            raise InputError(f"{wrong} goes with --bulk; a slab from a file is taken as it is")
        return StructureFile(slab, *stated).read() if any(stated) else slab, slab.stem
    crystal = StructureFile(Path(bulk or ""), *stated).read() if any(stated) else bulk or ""
    recipe = SlabFromBulk(crystal, **{"size": size} | given, relax=not keep)
    return recipe, f"{Path(bulk or '').stem}{''.join(map(str, recipe.miller))}"
