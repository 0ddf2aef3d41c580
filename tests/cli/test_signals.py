"""Ctrl-C, and the signal that batch systems send before they kill, to real processes: one line says so, what was done
is kept, and the run goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from ase.build import bulk
from ase.io import write

import equical
from tests.training.labelled import values, write_copper

pytestmark = pytest.mark.slow

SLOW_EMT = """
import time
from ase.calculators.emt import EMT


class SlowEMT(EMT):
    def calculate(self, *args, **options):
        time.sleep(0.1)
        super().calculate(*args, **options)
"""


class Command(NamedTuple):
    """A run that takes some seconds.

    Attributes:
        words: of the command line, without the folder.
        grows: a file of its folder that tells that something is done; what is in it stays.
        enough: bytes in it.
        codes: of a run that is interrupted, and of one that is terminated.
        says: how what it says then begins; by default what the command line says of any run.
    """

    words: str
    grows: str
    enough: int
    codes: tuple[int, int] = (130, 143)
    says: str = ""


SLOW = "--calculator slow_emt:SlowEMT"
COMMANDS = {
    "relax": Command(f"relax cu.extxyz {SLOW} --fmax 0.001 --optimizer fire", "trajectory.extxyz", 2500),
    "md": Command(f"md cu.extxyz {SLOW} --steps 40 --interval 1", "thermo.csv", 200),
    "screen": Command(f"screen table.csv {SLOW} --workers 1 --fmax 0.05", "screen.db", 1),
    "train": Command("train small.yaml", "training.csv", 1, (2, 2), "stopped"),
}


@pytest.fixture(autouse=True)
def heard():
    """Where tests run in the background, they ignore Ctrl-C, and so would the processes that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def place(tmp_path):
    """A working directory with what the commands read."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    write(tmp_path / "cu.extxyz", atoms)
    (tmp_path / "slow_emt.py").write_text(SLOW_EMT)
    (tmp_path / "table.csv").write_text("bulk,adsorbates,size,layers\nPt,H,1x1,2\n")
    config = values(write_copper(tmp_path), training={"limits": {"max_steps": 150}})
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def start(place, words, *more):
    """A process of the command line, in a process group of its own as in a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "equical", *words.split(), "--output", "run", *more],
        cwd=place,
        env={**os.environ, "PYTHONPATH": f"{place}:{Path(equical.__file__).parents[1]}", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(path, grows):
    """What the file that grows holds and will not lose: whole lines, or rows of a database that are done."""
    if not path.exists():
        return None
    if grows != "screen.db":
        return path.read_text()
    from equical.workflows.screen.store import read_rows

    try:
        return {row.task: row.id for row in read_rows(path)[0] if row.status == "done"}
    except ValueError:
        return None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_that_is_stopped_says_so_in_one_line_and_goes_on(name, number, place):
    if name == "screen":
        pytest.importorskip("distributed")
    command = COMMANDS[name]
    quiet = () if name == "train" else ("--quiet",)
    process, path = start(place, command.words, *quiet), place / "run" / command.grows
    while len(done(path, command.grows) or "") < command.enough:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # a terminal tells all of them
    else:
        process.terminate()
    said, complained = process.communicate(timeout=300)
    kept = done(path, command.grows)
    assert process.returncode == command.codes[number == signal.SIGTERM], complained
    if command.says:
        assert command.says in said + complained and "Traceback" not in complained
    else:
        assert complained.strip() == f"equical: {'interrupted' if number == signal.SIGINT else 'terminated'}"
    assert not (place / "run" / ".lock").exists()
    assert not (place / "run" / "result.json").exists() or name == "train"
    process = start(place, command.words, *quiet, "--resume")
    said, complained = process.communicate(timeout=300)
    assert process.returncode == 0, complained
    now = done(path, command.grows)
    assert kept.items() <= now.items() if isinstance(kept, dict) else now.startswith(kept)
