"""``equical eval``: errors of a model on labelled structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from equical.cli.data_options import data_config, label_options
from equical.cli.options import calculator_options, finish, make_calculator, output_options

if TYPE_CHECKING:
    from equical.training.evaluation import EvaluationResult


@click.command("eval")
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
    from equical.files import write_json
    from equical.training.data.dataset import read_frames
    from equical.training.evaluation import evaluate_model
    from equical.training.report.plots import plot_parity
    from equical.workflows.common.output import open_output
    from equical.workflows.common.provenance import provenance

    calculator = make_calculator(model, device, dtype)
    config = data_config(list(data), labels)
    frames = read_frames(config)
    folder = open_output(output, "eval", config.label, ["parity.png"], overwrite=overwrite)
    potential = calculator.checkpoint.potential
    where = potential.reference_energies.device
    result = evaluate_model(potential, frames, config, shift_references=shift_references, device=where)
    plot_parity(result.comparison, folder / "parity.png")
    write_json(folder / "result.json", {"converged": True, **_table(result, data), **provenance(calculator)})
    if not quiet:
        for line in _lines(result):
            click.echo(line)
        click.echo(f"written to {folder}")
    finish(True)


def _table(result: EvaluationResult, data: tuple[Path, ...]) -> dict[str, Any]:
    from equical.training.report.metrics import UNITS

    shift = None
    if result.shift is not None:
        from ase.data import chemical_symbols

        shift = {chemical_symbols[z]: energy for z, energy in result.shift.energies.items()}
    return {
        "data": [path.name for path in data],
        "structures": result.structures,
        "atoms": result.atoms,
        "errors": result.errors,
        "by_group": result.by_group,
        "by_element": result.by_element,
        "reference_shift_eV": shift,
        "units": UNITS,
    }


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
