"""Workers of Dask, in processes of their own."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.db import connect

from equical.cli.calculators import named_calculator
from equical.errors import InputError
from equical.workflows.screen import workers
from equical.workflows.screen.tasks import Task
from equical.workflows.screen.workers import ThisProcess, find_workers, pickled


def a_task(key="slab-1", metal="Cu", **options):
    return Task(key, "slab", bulk(metal), fmax=0.05, steps=5, **options)


@contextmanager
def with_scheduler():
    """Address of a scheduler in a process of its own."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--dashboard-address", ":0"]
    with subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True) as process:
        line = next(line for line in process.stderr if "Scheduler at:" in line)
        try:
            yield line.split("Scheduler at:")[1].strip(), process
        finally:
            process.kill()


def test_urgent_tasks_come_first_in_this_process():
    crew = ThisProcess(pickled(EMT))
    for number, urgent in enumerate([False, False, True]):
        crew.submit([a_task(f"t{number}", urgent=urgent)])
    assert crew.idle() == 0 and crew.finished(wait=False) == []
    assert [one.key for _ in range(3) for one in crew.finished(wait=True)] == ["t2", "t0", "t1"]
    assert crew.idle() == 1


def test_what_cannot_be_sent_is_told():
    with pytest.raises(InputError, match="the calculator cannot be sent to workers"):
        pickled(partial(EMT, threading.Lock()))


def test_dask_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(InputError, match=r"pip install 'equical\[screen\]', or work in this process alone"),
        find_workers(pickled(EMT), None, None, None),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((-1, None, None), "workers must be a whole number from 0 on, got -1"),
        ((2, "tcp://127.0.0.1:1", None), "leave them out with --scheduler"),
        ((None, "tcp://127.0.0.1:1", "2GB"), "leave them out with --scheduler"),
    ],
)
def test_numbers_that_make_no_sense(options, words):
    with pytest.raises(InputError, match=words), find_workers(pickled(EMT), *options):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://there"])
def test_a_scheduler_that_cannot_be_reached_is_told(address, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "CONNECT", 0.5)
    with (
        pytest.raises(InputError, match=f"cannot reach a Dask scheduler at {address}"),
        find_workers(pickled(EMT), None, address, None),
    ):
        pass


def test_workers_of_this_machine_find_the_same(run, tmp_path):
    pytest.importorskip("distributed")
    alone = run(output=tmp_path / "alone")
    together = run(workers=2)
    assert together.relaxations == alone.relaxations
    energies = [
        {row.task: row.get("energy") for row in connect(result.output / "screen.db").select()}
        for result in (alone, together)
    ]
    assert energies[0].keys() == energies[1].keys()
    for task, energy in energies[0].items():
        assert np.isclose(energies[1][task], energy, atol=1e-8), task
    assert together.adsorptions[0].adsorption_energy == pytest.approx(alone.adsorptions[0].adsorption_energy, abs=1e-6)


BROKEN = """
import os
import time
from ase.calculators.emt import EMT


class Greedy(EMT):
    def calculate(self, atoms=None, *args, **options):
        if "Ag" in atoms.symbols or (len(atoms) == 3 and "H" in atoms.symbols):
            time.sleep(0.5)  # Dask does not replace a worker that dies while it starts
            os._exit(1)  # as if the kernel did where memory is short
        super().calculate(atoms, *args, **options)


def nowhere():
    if os.getpid() != {driver}:
        raise OSError("no such GPU")
    return EMT()
"""


def test_workers_that_cannot_make_their_calculator_stop_the_run(run, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    (tmp_path / "broken.py").write_text(BROKEN.format(driver=os.getpid()))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="a worker cannot work: .*no such GPU"):
        run(calculator=partial(named_calculator, "broken:nowhere"), workers=1)
    assert {row.status for row in connect(tmp_path / "run" / "screen.db").select()} == {"open"}


def test_a_task_that_workers_die_of_has_failed_and_the_rest_goes_on(run, tmp_path, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    (tmp_path / "greedy.py").write_text(BROKEN.format(driver=0))
    monkeypatch.chdir(tmp_path)
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with once, pytest.raises(InputError, match="nothing could be calculated"):
        run(calculator=partial(named_calculator, "greedy:Greedy"), workers=1)
    rows = list(connect(tmp_path / "run" / "screen.db").select())
    assert {row.status for row in rows if row.kind != "adsorption"} == {"done"}
    assert all("workers died of it: out of memory, or killed" in row.reason for row in rows if row.status == "failed")
    assert sum(row.status == "failed" for row in rows) == 4


def test_a_run_does_not_wait_for_workers_that_are_gone_for_good(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "LOOK", 0.1)
    monkeypatch.setattr(workers, "PATIENCE", 0.3)
    with find_workers(pickled(EMT), 1, None, None) as crew:
        crew._client.cluster.scale(0)
        while crew.idle():
            time.sleep(0.05)
        crew.submit([a_task()])
        with pytest.raises(InputError, match="all workers have died and none came back"):
            crew.finished(wait=True)


def test_of_tasks_done_together_only_the_one_that_workers_die_of_has_failed(tmp_path, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    (tmp_path / "deadly.py").write_text(BROKEN.format(driver=0))
    monkeypatch.chdir(tmp_path)
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with once, find_workers(pickled(partial(named_calculator, "deadly:Greedy")), 1, None, None) as crew:
        assert crew.idle() == 1
        crew.submit([a_task(metal, metal) for metal in ("Cu", "Ag", "Au")])
        assert crew.idle() == 0
        found = {}
        while crew._under_way:
            ended = crew.finished(wait=True)
            assert ended
            found |= {one.key: one for one in ended}
        assert "workers died of it: out of memory, or killed" in found["Ag"].error and not found["Ag"].relaxed
        assert all(found[metal].relaxed.converged for metal in ("Cu", "Au"))


GREEDY = """
import numpy as np
from ase.calculators.emt import EMT


class Greedy(EMT):
    def calculate(self, atoms=None, *args, **options):
        taken = []
        while "Ag" in atoms.symbols and len(taken) < 200:  # 3.2 GB
            taken.append(np.ones(int(2e6)))
        super().calculate(atoms, *args, **options)
"""


def test_a_worker_that_takes_more_memory_than_it_may_is_ended_and_the_rest_goes_on(tmp_path, monkeypatch):
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    (tmp_path / "hungry.py").write_text(GREEDY)
    monkeypatch.chdir(tmp_path)
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with once, find_workers(pickled(partial(named_calculator, "hungry:Greedy")), 1, None, "1.5GB") as crew:
        for metal in ("Cu", "Ag", "Au"):
            crew.submit([a_task(metal, metal)])
        found = {}
        while crew._under_way:
            found |= {one.key: one for one in crew.finished(wait=True)}
        assert "workers died of it: out of memory, or killed" in found["Ag"].error
        assert found["Cu"].relaxed.converged and found["Au"].relaxed.converged


def test_a_scheduler_that_goes_away_is_told_and_the_run_goes_on_later(run, tmp_path):
    pytest.importorskip("distributed")
    with with_scheduler() as (address, process):
        threading.Timer(3, process.kill).start()
        with pytest.raises(InputError, match=f"the scheduler {address} is gone: what was finished is kept"):
            run(scheduler=address, workers=None)
    assert run(resume=True).relaxations == {"done": 7}
