"""The ``equical`` command: one file per subcommand, imported only when it is called.

Exit codes are 0 for success, 2 where a run ended without converging, and 1 for an error, which is one line on standard
error (with ``--debug`` also the traceback); 130 after Ctrl-C, 143 after SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from traceback import walk_tb
from types import FrameType
from typing import Any

import click

from equical.cli.notices import warnings_as_lines
from equical.errors import InputError
from equical.version import __version__

__all__ = ["main"]

MODULES = {
    "relax": "equical.cli.relax",
    "md": "equical.cli.md",
    "eos": "equical.cli.eos",
    "elastic": "equical.cli.elastic",
    "phonon": "equical.cli.phonon",
    "qha": "equical.cli.qha",
    "conductivity": "equical.cli.conductivity",
    "vib": "equical.cli.vib",
    "neb": "equical.cli.neb",
    "search": "equical.cli.search",
    "adsorb": "equical.cli.adsorb",
    "report": "equical.cli.report",
    "screen": "equical.cli.screen",
    "serve": "equical.cli.serve",
    "train": "equical.cli.train",
    "finetune": "equical.cli.finetune",
    "eval": "equical.cli.eval",
    "calibrate": "equical.cli.calibrate",
    "data": "equical.cli.data",
    "convert": "equical.cli.convert",
    "models": "equical.cli.models",
    "check": "equical.cli.check",
    "bench": "equical.cli.bench",
}


class LazyGroup(click.Group):
    """Finds each command in its own module; turns exceptions into a line and an exit code, and warnings into lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        members = vars(import_module(MODULES[cmd_name])).values()
        return next(item for item in members if isinstance(item, click.Command) and item.name == cmd_name)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command line; errors end the process here, and nowhere else."""
        args = sys.argv[1:] if args is None else list(args)
        _print_anything()
        with warnings_as_lines(quiet="--quiet" in args), _terminated_like_interrupted() as terminated:
            try:
                code = super().main(args, "equical", *rest, **extra | {"standalone_mode": False})
            except Exception as error:
                if "--debug" in args:
                    traceback.print_exc()
                message, code = ("terminated", 143) if terminated else _describe(error)
                click.echo(f"equical: {message}", err=True)
        sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _terminated_like_interrupted() -> Iterator[list[int]]:
    """Let what batch systems send end a run as Ctrl-C does, its folder unlocked; the list holds the signal then."""
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _print_anything() -> None:
    """Let what a terminal's encoding lacks, such as Å in a pipe of Windows or a file name that is no text, come out as
    a question mark: a run must not fail because its report cannot be shown."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # streams of notebooks and tests may have none
        if reconfigure is not None:
            reconfigure(errors="replace")


def _foreign_calculator(error: Exception) -> str | None:
    """The calculator of another package in which an error arose, if it did."""
    ase = sys.modules.get("ase.calculators.calculator")
    if ase is None:
        return None
    for frame, _ in walk_tb(error.__traceback__):
        inside = frame.f_locals.get("self")
        if isinstance(inside, ase.BaseCalculator) and not type(inside).__module__.startswith("equical."):
            return type(inside).__name__
    return None


def _describe(error: Exception) -> tuple[str, int]:
    """One line that says what went wrong and what to do, and the exit code."""
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes a file that is cut short for the end of what a user types
    if isinstance(error, click.Abort):
        return "interrupted", 130
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"error: {_one_line(error.format_message())} (see '{error.ctx.command_path} --help')", 1
    if isinstance(error, click.ClickException):
        return f"error: {_one_line(error.format_message())}", 1
    if isinstance(error, InputError):
        return f"error: {_one_line(str(error))}", 1
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"error: {error.strerror or _one_line(str(error))}{where}", 1
    what = f"{type(error).__name__}: {_one_line(str(error))}"
    calculator = _foreign_calculator(error)
    if calculator:
        return f"error: the calculator {calculator} failed: {what} (run again with --debug for the traceback)", 1
    return f"error: unexpected {what} (run again with --debug for the traceback)", 1


def _one_line(text: str) -> str:
    return " ".join(text.split())


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """An equivariant-transformer force field and what one does with it.

    Every command takes --help.
    """
