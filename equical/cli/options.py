"""Options that several commands share, declared once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from equical.cli.calculators import named_calculator

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import BaseCalculator

    from equical.calculator import EquiCalc
    from equical.workflows.common.result import Result

__all__ = [
    "FORMAT_HELP",
    "SPECIES_HELP",
    "RunOptions",
    "StructureFile",
    "any_calculator_option",
    "calculator_options",
    "debug_option",
    "finish",
    "make_calculator",
    "optional_structure_argument",
    "output_options",
    "refuse_options_of_models",
    "resume_option",
    "run_options",
    "structure_argument",
    "write_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

FORMAT_HELP = "ASE's name of the file's format.  [default: told by its name and content]"
SPECIES_HELP = "Elements of types 1, 2 … in the file, as Cu,Ni, or of labels, as OW=O,HW=H."


@dataclass(frozen=True)
class StructureFile:
    """A file of structures and what the user says about it.

    Attributes:
        path: of the file.
        format: ASE's name of its format, if stated.
        species: elements of types or labels in it, if stated.
    """

    path: Path
    format: str | None
    species: str | None

    @property
    def stem(self) -> str:
        """What results are called after."""
        return self.path.stem

    def read(self) -> Atoms:
        """The last structure."""
        return self.read_all()[-1]

    def read_all(self) -> list[Atoms]:
        """Every structure."""
        from equical.structures import read_structures

        return read_structures(self.path, format=self.format, species=self.species)


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    ctx.meta[f"equical.{param.name}"] = value


def _join(ctx: click.Context, param: click.Parameter, value: Path | None) -> StructureFile | None:
    stated = [ctx.meta[f"equical.{name}"] for name in ("format", "species")]
    return None if value is None else StructureFile(value, *stated)


def structure_argument(command: Command) -> Command:
    """Add STRUCTURE with its options ``--format`` and ``--species``; the three make a :class:`StructureFile`."""
    return _structure(required=True)(command)


def optional_structure_argument(command: Command) -> Command:
    """The same for a command that can do without; it gets None then."""
    return _structure(required=False)(command)


def _structure(required: bool) -> Callable[[Command], Command]:
    argument = click.argument("structure", type=click.Path(path_type=Path), required=required, callback=_join)
    # Eager, to be there when STRUCTURE is read, which joins them.
    kept: dict[str, Any] = {"is_eager": True, "expose_value": False, "callback": _keep}
    file_format = click.option("--format", metavar="NAME", help=FORMAT_HELP, **kept)
    species = click.option("--species", metavar="LIST", help=SPECIES_HELP, **kept)
    return lambda command: argument(file_format(species(command)))


device_option = click.option(
    "--device", default="auto", show_default=True, help="auto (a GPU where there is one), cpu or cuda[:N]."
)
dtype_option = click.option(
    "--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True, help="Precision."
)
output_option = click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the results.  [default: ./<command>-<name of the structure>]",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace earlier results in the output folder.")
quiet_option = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
resume_option = click.option("--resume", is_flag=True, help="Go on from where a run in the same folder stopped.")
report_option = click.option(
    "--report", is_flag=True, help="Write report.html too: a page with tables, plots and structures to turn around."
)
write_option = click.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write the final structure here, in any format ASE writes. --overwrite replaces a file.",
)
debug_option = click.option(  # looked for by the group, which reports all errors
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)


model_option = click.option(
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME|DIR",
    help="A shipped model or a folder; auto: the shipped one that is made for the structure, see `equical models`.",
)
any_calculator_option = click.option(
    "--calculator", metavar="NAME|MODULE:FACTORY", help="Any ASE calculator in place of a model: emt, or mine:make."
)


def calculator_options(command: Command) -> Command:
    """Add ``--model``, ``--device`` and ``--dtype``; the three go to :func:`make_calculator`."""
    return model_option(device_option(dtype_option(command)))


def output_options(command: Command) -> Command:
    """Add ``--output``, ``--overwrite``, ``--quiet`` and ``--debug`` (the last is no argument of the command)."""
    return output_option(overwrite_option(quiet_option(debug_option(command))))


def make_calculator(model: str, device: str, dtype: str) -> EquiCalc:
    """The calculator that the options ask for."""
    from equical.calculator import EquiCalc

    return EquiCalc(model, device=device, dtype=dtype)


def refuse_options_of_models() -> None:
    """Refuse options of models beside ``--calculator``, which would do nothing.

    Raises:
        UsageError: names the first of them.
    """
    context = click.get_current_context()
    for name in ("model", "device", "dtype"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is about models: leave it out, or leave out --calculator")


@dataclass(frozen=True)
class RunOptions:
    """What every run of a workflow is told beside its settings.

    Attributes:
        calculator: name of any ASE calculator in place of a model, or None.
        model: name or folder.
        device: where it computes.
        dtype: of the computation.
        output: folder for the results, if stated.
        overwrite: replace earlier results in it.
        resume: go on from them.
        quiet: print nothing but errors.
        report: write a page about the result.
    """

    calculator: str | None
    model: str
    device: str
    dtype: str
    output: Path | None
    overwrite: bool
    resume: bool
    quiet: bool
    report: bool

    def calculator_maker(self) -> Callable[[], BaseCalculator]:
        """What makes the calculator that the options ask for, here or in another process.

        Raises:
            UsageError: it is asked for what only models have.
        """
        if self.calculator:
            refuse_options_of_models()
            return partial(named_calculator, self.calculator)
        return partial(make_calculator, self.model, self.device, self.dtype)

    def make_calculator(self) -> BaseCalculator:
        """The calculator that the options ask for.

        Raises:
            InputError: there is none of that name.
            UsageError: it is asked for what only models have.
        """
        return self.calculator_maker()()

    def into(self, default: str) -> dict[str, Any]:
        """Where and how to leave the results, as all workflows are told; ``default``: the folder if none is stated."""
        output = self.output or Path(default)
        return {"output": output, "overwrite": self.overwrite, "resume": self.resume, "progress": not self.quiet}

    def finish(self, result: Result) -> NoReturn:
        """Write the page about the result, if it is wanted, and end the command as :func:`finish` does."""
        self.write_report(result)
        finish(result.converged)

    def write_report(self, result: Result) -> None:
        """Write the page about the result, if it is wanted."""
        if self.report and result.output is not None:
            from equical.workflows.report import report

            page = report(result.output)
            if not self.quiet:
                click.echo(f"page to look at: {page}")


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the calculator and output, ``--resume`` and ``--report``, which come as one, ``options``."""

    @wraps(command)
    def joined(**arguments: Any) -> None:
        options = RunOptions(**{field.name: arguments.pop(field.name) for field in fields(RunOptions)})
        command(options=options, **arguments)

    return any_calculator_option(resume_option(report_option(calculator_options(output_options(joined)))))


def finish(converged: bool) -> NoReturn:
    """End a command: exit code 0 where the run converged, 2 where it did not."""
    sys.exit(0 if converged else 2)
