"""``equical bench``: thin skin over :func:`equical.bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from equical.cli.options import (
    StructureFile,
    calculator_options,
    finish,
    optional_structure_argument,
    output_options,
    resume_option,
)

if TYPE_CHECKING:
    from equical.workflows.bench import BenchResult, BenchRow


class Comma(click.ParamType):
    """Values separated by commas."""

    name = "list"

    def __init__(self, item: type[int] | type[str]):
        self.item = item

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[object, ...]:
        """A tuple of items."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self.item(part.strip()) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers such as 32,108,256", param, ctx)


@click.command("bench", short_help="Time and memory of a step on this machine.")
@optional_structure_argument
@click.option(
    "--sizes", type=Comma(int), default="32,108,256,500", show_default=True, metavar="N,N,...", help="Numbers of atoms."
)
@click.option(
    "--executions",
    type=Comma(str),
    default="auto",
    show_default=True,
    metavar="NAME,...",
    help="Of auto, eager, static, cuda-graph and compile; they take turns.",
)
@click.option("--timestep", type=float, default=1.0, show_default=True, help="fs. For ns/day.")
@click.option("--steps", type=int, default=10, show_default=True, help="Measured for each size and execution.")
@click.option(
    "--time-limit",
    type=float,
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="For each size and execution, compilation included; what takes longer is skipped.",
)
@click.option("--json", "as_json", is_flag=True, help="Print result.json in place of the table.")
@calculator_options
@resume_option
@output_options
def bench(
    structure: StructureFile | None,
    sizes: tuple[int, ...],
    executions: tuple[str, ...],
    timestep: float,
    steps: int,
    time_limit: float,
    as_json: bool,
    model: str,
    device: str,
    dtype: str,
    output: Path | None,
    overwrite: bool,
    resume: bool,
    quiet: bool,
) -> None:
    """Time and memory of a step against the number of atoms, on this machine.

    STRUCTURE is repeated to each of the sizes; without it, a crystal of an element the model covers is taken. Atoms
    move between steps as they would at 300 K. Close other programs: a busy machine can be several times slower.
    """
    from equical.catalogue import named_model
    from equical.workflows.bench import bench as run

    unit = None if structure is None else structure.read()
    model = named_model(model, [] if unit is None else [unit])
    folder = output or Path(f"bench-{Path(model).name}")
    result = run(
        model,
        unit,
        device=device,
        dtype=dtype,
        sizes=sizes,
        executions=executions,
        timestep=timestep,
        steps=steps,
        time_limit=time_limit,
        output=folder,
        overwrite=overwrite,
        resume=resume,
        progress=not quiet,
    )
    if as_json:
        click.echo((folder / "result.json").read_text("utf-8"), nl=False)
    elif not quiet:
        for line in _table(result):
            click.echo(line)
        click.echo(f"results in {folder}")
    finish(result.converged)


def _table(result: BenchResult) -> list[str]:
    from equical.workflows.bench import STAGES

    columns = [("atoms", 7), ("edges", 8), ("execution", 11), ("s/step", 9), ("ms/atom", 8), ("atoms/s", 8)]
    columns += [("ns/day", 8), ("MB", 7), *((stage, 10) for stage in STAGES)]
    lines = [
        f"{result.formula} on {result.machine}, time step {result.timestep:g} fs",
        " ".join(f"{name:>{width}}" for name, width in columns),
    ]
    cells = [(row.num_atoms, _cells(row), _remark(row, result.settings.steps)) for row in result.rows]
    cells += [(skip.num_atoms, [str(skip.num_atoms), "", skip.execution], skip.reason) for skip in result.skipped]
    for _, texts, remark in sorted(cells, key=lambda cell: cell[0]):
        line = " ".join(f"{text:>{width}}" for text, (_, width) in zip(texts, columns, strict=False))
        lines.append(line + (f" ({remark})" if remark else ""))
    return lines


def _remark(row: BenchRow, steps: int) -> str:
    if row.gave_up:
        return "gave up: eager"
    return "" if len(row.step_times) == steps else f"{len(row.step_times)} of {steps} steps"


def _cells(row: BenchRow) -> list[str]:
    return [
        str(row.num_atoms),
        str(row.num_edges),
        row.execution,
        f"{row.step_time:.4f}",
        f"{1e3 * row.atom_time:.3f}",
        f"{row.atoms_per_second:.0f}",
        f"{row.ns_per_day:.3f}",
        "-" if row.peak_memory is None else f"{row.peak_memory / 1e6:.0f}",
        *(f"{100 * share:.1f} %" for share in row.shares.values()),
    ]
