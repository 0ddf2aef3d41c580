"""``equical check``: thin skin over :func:`equical.check`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import (
    FORMAT_HELP,
    SPECIES_HELP,
    StructureFile,
    any_calculator_option,
    calculator_options,
    finish,
    make_calculator,
    output_options,
    refuse_options_of_models,
    resume_option,
)
from equical.errors import InputError

if TYPE_CHECKING:
    from equical.workflows.check import CheckResult


@click.command("check", short_help="Does a model, or any ASE calculator, give wrong numbers?")
@any_calculator_option
@click.option("--structure", "structures", multiple=True, type=click.Path(path_type=Path), help="Examine it on these.")
@click.option("--format", "file_format", metavar="NAME", help=f"Of --structure: {FORMAT_HELP}")
@click.option("--species", metavar="LIST", help=f"Of --structure: {SPECIES_HELP}")
@click.option("--quick", is_flag=True, help="Fewer points, directions and steps.")
@click.option("--only", multiple=True, metavar="CHECK", help="Do this check alone; repeat it.")
@calculator_options
@resume_option
@output_options
def check(
    calculator: str | None,
    structures: tuple[Path, ...],
    file_format: str | None,
    species: str | None,
    quick: bool,
    only: tuple[str, ...],
    model: str,
    device: str,
    dtype: str,
    output: Path | None,
    overwrite: bool,
    resume: bool,
    quiet: bool,
) -> None:
    """Examine a model, or any ASE calculator, for wrong numbers.

    Forces and stress against finite differences, symmetries, supercells, smoothness, isolated atoms, dimers, energy in
    dynamics, the same answer whatever was asked before. Each is measured and compared with a limit. A model is best
    examined with --dtype float64, in which rounding hides nothing.

    Exit code: 0 all within limits, 2 some are not, 1 error.
    """
    from equical.catalogue import named_model
    from equical.cli.calculators import calculator_maker
    from equical.workflows.check import check as run
    from equical.workflows.check.settings import CheckSettings

    CheckSettings(quick, only or None)  # what is refused is refused before a model is chosen
    if calculator is not None:
        refuse_options_of_models()
    if calculator is not None and not structures and ":" not in calculator and calculator != "emt":
        raise InputError(f"give structures for the calculator {calculator} with --structure FILE")
    files = [StructureFile(path, file_format, species) for path in structures]
    named = {f"{file.stem}{n or ''}": atoms for file in files for n, atoms in enumerate(file.read_all())}
    if calculator is None:
        model = named_model(model, list(named.values()))
    folder = output or Path(f"check-{(calculator or Path(model).name).replace(':', '-')}")
    make = calculator_maker(calculator) if calculator else partial(make_calculator, model, device, dtype)
    result = run(
        make,
        named or None,
        quick=quick,
        checks=only or None,
        output=folder,
        overwrite=overwrite,
        resume=resume,
        progress=not quiet,
    )
    if not quiet:
        _print(result)
        click.echo(f"results in {folder}")
    finish(result.converged)


def _print(result: CheckResult) -> None:
    width = max(len(finding.structure) for finding in result.findings)
    for finding in result.findings:
        limit = "" if finding.limit is None else f"limit {finding.limit:.0e}"
        where = f"{finding.verdict:<6} {finding.check:<14} {finding.structure:<{width}}"
        click.echo(f"{where} {finding.value:>9.1e} {limit:<12} {finding.unit}")
    for finding in result.failed:
        click.echo(f"FAILED: {finding.check} ({finding.structure}): {finding.detail}")
    kind = "conservative" if result.conservative else "direct forces"
    verdict = "all within limits" if result.converged else f"{len(result.failed)} beyond their limit"
    click.echo(f"{len(result.findings)} findings, {kind}, {result.dtype}: {verdict} ({result.wall_time:.0f} s)")
