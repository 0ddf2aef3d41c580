"""``equical eval``: thin skin over :func:`equical.evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_values, label_options
from equical.cli.options import calculator_options, finish, output_options

if TYPE_CHECKING:
    from equical.training.result import EvaluationResult


@click.command("eval", short_help="Errors of a model on labelled structures.")
@click.argument("data", type=click.Path(path_type=Path), nargs=-1, required=True)
@calculator_options
@label_options
@click.option("--shift-references", is_flag=True, help="Take out a difference of the zeros of energy, by element.")
@output_options
def evaluate(
    data: tuple[Path, ...],
    model: str,
    device: str,
    dtype: str,
    shift_references: bool,
    output: Path | None,
    overwrite: bool,
    quiet: bool,
    **labels: Any,
) -> None:
    """Errors of a model on the labelled structures in DATA files.

    Prints MAE and RMSE of energies per atom, forces and stresses; writes result.json and parity.png.
    """
    from equical.training.evaluation import evaluate as run

    result = run(
        model,
        data_values(data, **labels),
        shift_references=shift_references,
        device=device,
        dtype=dtype,
        output=output or Path(f"eval-{data[0].name.split('.')[0]}"),
        overwrite=overwrite,
        progress=not quiet,
    )
    if not quiet:
        for line in _lines(result):
            click.echo(line)
        click.echo(f"written to {result.output}")
    finish(result.converged)


def _lines(result: EvaluationResult) -> list[str]:
    """The errors as a table."""
    lines = [f"{result.structures} structures, {result.atoms} atoms"]
    lines += [] if result.shift is None else result.shift.report("shift of reference energies (eV)")
    units = {"energy": "meV/atom", "forces": "meV/Å", "stress": "meV/Å³"}
    lines.append(f"{'':12}{'MAE':>10}{'RMSE':>10}")
    for name, unit in units.items():
        found = {key.split("_")[1]: value for key, value in result.errors.items() if key.startswith(f"{name}_m")}
        found |= {key.split("_")[1]: value for key, value in result.errors.items() if key.startswith(f"{name}_r")}
        if found:
            lines.append(f"{name:12}{found['mae']:10.3f}{found['rmse']:10.3f}  {unit}")
    if "forces_cosine" in result.errors:
        lines.append(f"cosine between forces {result.errors['forces_cosine']:.4f}")
    for title, table in (("", result.by_group if len(result.by_group) > 1 else {}), ("on ", result.by_element)):
        for name, errors in table.items():
            parts = []
            if "energy_rmse_meV_per_atom" in errors:
                parts.append(f"E RMSE {errors['energy_rmse_meV_per_atom']:.2f} meV/atom")
            if "forces_mae_meV_per_A" in errors:
                parts.append(f"F MAE {errors['forces_mae_meV_per_A']:.2f} meV/Å")
            lines.append(f"  {title}{name}: {', '.join(parts)}")
    return lines
