"""``equical serve`` as its users meet it."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write
from click.testing import CliRunner

from equical.cli import main

pytestmark = pytest.mark.filterwarnings(  # ASE's client leaves a socket that found nobody to the garbage collector
    "ignore:unclosed:ResourceWarning", "ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run ``equical serve`` in a folder with a structure, with EMT in place of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("equical.cli.options.make_calculator", lambda model, device, dtype: EMT())
    write("cu.extxyz", bulk("Cu", cubic=True))
    return lambda *args: CliRunner().invoke(main, ["serve", *args])


def test_answers_until_the_other_side_hangs_up(run):
    name = f"equical-test-{uuid.uuid4().hex[:8]}"
    with ThreadPoolExecutor() as threads:
        with SocketIOCalculator(unixsocket=name, timeout=60) as server:
            answered = threads.submit(run, "cu.extxyz", "--socket", name)
            atoms = bulk("Cu", cubic=True)
            atoms.calc = server
            atoms.get_potential_energy()
        result = answered.result()
    assert (result.exit_code, result.stdout) == (0, "Cu4 evaluated 1 times\n"), result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Give the name of a UNIX socket or a port"),
        (["--socket", "equical-nobody", "--wait", "0"], "Nobody listens at /tmp/ipi_equical-nobody"),
    ],
)
def test_mistakes_are_one_line(run, options, message):
    result = run("cu.extxyz", *options)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("equical: error: ") and message in line
