"""The frame of the command line: errors are one line, exit codes mean something, help costs nothing."""

import errno
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import click
import pytest
from ase.build import bulk
from ase.io import write
from click.testing import CliRunner

import equical
from equical.cli import MODULES, LazyGroup, main
from equical.errors import InputError
from tests.tolerances import PATIENCE


def run(*args):
    return subprocess.run([sys.executable, "-m", "equical", *args], capture_output=True, text=True, check=False)


@pytest.fixture
def group():
    """A group whose one command raises what it is told to."""

    @click.group(cls=LazyGroup)
    def group():
        pass

    def raising(error):
        @click.command("fail")
        @click.option("--debug", is_flag=True, expose_value=False)
        @click.option("--number", type=int)
        def fail(number):
            raise error

        group.get_command = lambda ctx, name: fail
        return group

    return raising


def test_version():
    process = run("--version")
    assert (process.returncode, process.stdout) == (0, f"equical {equical.__version__}\n")


def test_help_lists_every_command_without_heavy_imports():
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from equical.cli import main\n"
        "print(CliRunner().invoke(main, ['--help']).output)\n"
        "print([name for name in ('torch', 'ase', 'matplotlib', 'phonopy', 'numpy', 'scipy') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stdout.strip().endswith("[]")
    for name in MODULES:
        assert f"\n  {name} " in process.stdout


def test_summaries_of_commands_are_whole():
    listed = CliRunner().invoke(main, ["--help"]).output.partition("Commands:")[2]
    assert len(listed.strip().splitlines()) == len(MODULES)
    assert "..." not in listed


@pytest.mark.parametrize("name", MODULES)
def test_every_command_has_help(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: equical {name} ")


@pytest.mark.parametrize(
    ("args", "fault", "hint"),
    [
        (["relaxx"], "relaxx", "(see 'equical --help')"),
        (["--nonsense"], "--nonsense", "(see 'equical --help')"),
        (["relax"], "STRUCTURE", "(see 'equical relax --help')"),
    ],
)
def test_usage_errors_are_one_line_and_not_exit_code_2(args, fault, hint):
    process = run(*args)
    (line,) = process.stderr.splitlines()
    assert process.returncode == 1
    assert line.startswith("equical: error: ")
    assert fault in line
    assert line.endswith(hint)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("the cell has\nno volume"), "equical: error: the cell has no volume"),
        (OSError(errno.ENOSPC, "No space left on device"), "equical: error: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "a.cif"), "equical: error: Permission denied: a.cif"),
        (
            ZeroDivisionError("oh\nno"),
            "equical: error: unexpected ZeroDivisionError: oh no (run again with --debug for the traceback)",
        ),
    ],
)
def test_errors_are_one_line_unless_debugging(group, error, message):
    result = CliRunner().invoke(group(error), ["fail"])
    assert (result.exit_code, result.stderr.splitlines(), result.stdout) == (1, [message], "")
    result = CliRunner().invoke(group(error), ["fail", "--debug"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith("Traceback")
    assert result.stderr.splitlines()[-1] == message


def test_wrong_option_value_is_one_line(group):
    result = CliRunner().invoke(group(None), ["fail", "--number", "x"])
    assert result.exit_code == 1
    assert "Invalid value for '--number'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_warnings_of_any_command_are_lines_without_a_source(quiet):
    """Wherever they come from, ASE's readers included, and whatever the command does about them."""

    @click.command("warn")
    @click.option("--quiet", is_flag=True, expose_value=False)
    def warn():
        for message in ("odd\n  file", "odd\n  file", "odd cell"):
            warnings.warn(message, UserWarning, stacklevel=1)

    group = LazyGroup()
    group.get_command = lambda ctx, name: warn
    result = CliRunner().invoke(group, ["warn", *quiet])
    lines = [] if quiet else ["equical: warning: odd file", "equical: warning: odd cell"]
    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (0, "", lines)


def test_interrupt_says_so_and_exits_130(group):
    result = CliRunner().invoke(group(KeyboardInterrupt()), ["fail"])
    assert (result.exit_code, result.stderr.split()) == (130, ["equical:", "interrupted"])


def test_a_file_that_ends_early_is_no_interrupt(group):
    result = CliRunner().invoke(group(EOFError("No data left in file")), ["fail"])
    assert result.exit_code == 1
    assert "unexpected EOFError: No data left in file" in result.stderr


@pytest.mark.parametrize("code", [0, 2])
def test_exit_code_of_a_command_is_kept(group, code):
    assert CliRunner().invoke(group(SystemExit(code)), ["fail"]).exit_code == code
    assert CliRunner().invoke(group(click.exceptions.Exit(code)), ["fail"]).exit_code == code


def test_a_run_that_is_terminated_says_so_and_goes_on_later(tmp_path):
    """A real process, and a signal as batch systems send it before they kill."""
    write(tmp_path / "cu.extxyz", bulk("Cu", cubic=True) * 2)
    command = [sys.executable, "-m", "equical", "md", "cu.extxyz", "--calculator", "emt", "--output", "md", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(Path(equical.__file__).parents[1])}
    process = subprocess.Popen(
        [*command, "--steps", "100000"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "md" / "restart.npz").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    said = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, said.strip()) == (143, "equical: terminated")
    assert not (tmp_path / "md" / ".lock").exists()
    assert (tmp_path / "md" / "restart.npz").exists()
