"""Whatever is killed, and whenever: the screening goes on, with nothing lost and nothing done twice."""

import random
import subprocess
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from equical.cli.calculators import named_calculator
from equical.workflows.screen.store import DATABASE, read_rows

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")

CALCULATOR = """
import os
import time

import numpy as np
from ase.calculators.emt import EMT


class LoggingEMT(EMT):
    before = None

    def calculate(self, atoms=None, *args, **options):
        same = self.before is not None and self.before.numbers.tolist() == atoms.numbers.tolist()
        if not same or np.abs(self.before.positions - atoms.positions).max() > 0.5:
            with open("started.log", "a") as log:
                log.write(f"{os.getpid()} {atoms.symbols}\\n")
        self.before = atoms.copy()
        time.sleep(0.05)
        super().calculate(atoms, *args, **options)
"""
SMALL = "bulk,adsorbates,size,layers\nPt,H N,1x1,2\n"
LARGE = "bulk,facets,adsorbates,size,layers\nPt;Cu;Pd;Ag;Au;Ni,111;100,H;N;O,1x1,2\n"


class Screening:
    """A screening in processes of its own, and what of it is on disk."""

    def __init__(self, folder: Path, table: str) -> None:
        self.folder, self.kept, self.processes = folder, {}, 0
        (folder / "logging_emt.py").write_text(CALCULATOR)
        (folder / "table.csv").write_text(table)

    def start(self, *arguments: str) -> subprocess.Popen:
        """A process of Python, to be killed in the end; what it says goes to a file."""
        self.processes += 1
        with (self.folder / f"{self.processes}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={"PYTHONPATH": f"{self.folder}:{Path(__file__).parents[3]}", "OMP_NUM_THREADS": "1"},
            )

    def drive(self, *arguments: str) -> subprocess.Popen:
        """The driver."""
        command = ("equical", "screen", "table.csv", "--calculator", "logging_emt:LoggingEMT", "--fmax", "0.05")
        return self.start(*command, "--output", "run", "--resume", "--quiet", *arguments)

    def done(self) -> dict[str, tuple]:
        """Rows that are done; none that was before may have gone, or changed."""
        path = self.folder / "run" / DATABASE
        try:
            rows = read_rows(path)[0] if path.exists() else []
        except ValueError:  # it is being made
            return self.kept
        assert len({row.task for row in rows}) == len(rows)
        now = {row.task: (row.id, row.atoms.get_potential_energy()) for row in rows if row.status == "done"}
        assert self.kept.items() <= now.items()
        self.kept = now
        return now

    def wait_for(self, number: int, driver: subprocess.Popen) -> None:
        """Wait until so many are done, or the driver has come to an end."""
        while len(self.done()) < number and driver.poll() is None:
            time.sleep(0.02)

    def started(self) -> int:
        """Relaxations that were begun so far, wherever."""
        return len((self.folder / "started.log").read_text().splitlines())


def kill(process) -> None:
    """As the system does where memory is short."""
    process.kill()
    process.wait()


def workers_of(process) -> list:
    """Processes below one that are none of those that look after others."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [one for one in below if "spawn_main" in " ".join(one.cmdline())]


def test_a_worker_and_then_the_driver_are_killed(tmp_path, run, monkeypatch):
    screening = Screening(tmp_path, SMALL)
    driver = screening.drive("--workers", "1")
    screening.wait_for(2, driver)
    kill(workers_of(driver)[0])
    screening.wait_for(4, driver)
    left = workers_of(driver)
    kill(driver)
    assert 4 <= len(screening.done()) < 12
    _, alive = psutil.wait_procs(left, timeout=30)
    assert not alive  # workers end with their driver
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path / "table.csv", partial(named_calculator, "logging_emt:LoggingEMT"), resume=True)
    assert result.relaxations == {"done": 12} and len(screening.done()) == 12
    assert 12 <= screening.started() <= 12 + 2


@pytest.mark.slow
def test_random_processes_are_killed_at_random_moments(tmp_path):
    """On a cluster: the scheduler, a worker or the driver, until twenty and more were killed."""
    screening, draw = Screening(tmp_path, LARGE), random.Random(16)
    kills = []
    with ExitStack() as stack:

        def begin(*arguments: str) -> subprocess.Popen:
            process = screening.start(*arguments)
            stack.callback(kill, process)
            return process

        def begin_cluster() -> tuple[str, subprocess.Popen, subprocess.Popen]:
            port, here = str(draw.randrange(20000, 60000)), ("--host", "127.0.0.1")
            scheduler = begin("distributed.cli.dask_scheduler", "--port", port, "--dashboard-address", ":0", *here)
            address = f"tcp://127.0.0.1:{port}"
            workers = begin("distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1")
            return address, scheduler, workers

        def begin_driver() -> subprocess.Popen:
            driver = screening.drive("--scheduler", address)
            stack.callback(kill, driver)
            return driver

        address, scheduler, workers = begin_cluster()
        driver = begin_driver()
        while True:
            screening.wait_for(len(screening.done()) + 1, driver)
            if driver.poll() is not None:
                break
            time.sleep(draw.uniform(0, 0.5))
            target = draw.choice(["scheduler", "driver", "worker"]) if len(kills) < 24 else None
            if target == "worker" and (found := workers_of(workers)):
                kills.append(target)
                kill(draw.choice(found))
            elif target == "driver":
                kills.append(target)
                kill(driver)
                driver = begin_driver()
            elif target == "scheduler":
                kills.append(target)
                kill(scheduler)
                assert driver.wait(timeout=120) in (0, 1)  # 0 where it has just come to its end
                kill(workers)
                address, scheduler, workers = begin_cluster()
                driver = begin_driver()
    assert driver.returncode in (0, 2)
    rows = read_rows(tmp_path / "run" / DATABASE)[0]
    assert len(kills) >= 20 and set(kills) == {"scheduler", "driver", "worker"}
    assert {row.status for row in rows} <= {"done", "failed"}
    # What had failed was with four workers that were killed.
    assert all("workers died of it" in row.values["reason"] for row in rows if row.status == "failed")
    # A kill costs what was under way with two workers, and what had come back and was not yet written.
    assert len(rows) <= screening.started() <= len(rows) + 4 * len(kills)
    said = [path.read_text() for path in tmp_path.glob("*.log") if path.name != "started.log"]
    assert sum("is gone: what was finished is kept" in text for text in said) >= kills.count("scheduler") - 1
    assert not any("equical: error: unexpected" in text for text in said)
