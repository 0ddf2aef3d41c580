"""A disk that fills up and a user who interrupts: one line says so, what was done is kept, and the run goes on.

The run is struck at some of its file events, spread from the first to the last; ``-m slow`` strikes at all of them.
"""

import shutil
import warnings
from functools import partial
from typing import NamedTuple

import pytest
from ase.calculators.emt import EMT

import equical
from equical.cli import _describe
from equical.errors import InputError
from equical.files import is_leftover
from tests.faults import DiskFull, Interrupt, count_file_events, struck_at
from tests.workflows.small_runs import NAMES, QUICK_NAMES, close, copper, finished, workflow
from tests.workflows.small_runs import run as small_run

FAULTS = {"a full disk": DiskFull, "an interruption": Interrupt}

SPREAD = 3
"""Events at which each run is struck, where not at all of them."""


class Whole(NamedTuple):
    """A run that nothing happened to: what it said, and how many file events it had."""

    result: dict
    events: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted runs by name, each made when it is asked for first."""
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("whole") / name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                events = count_file_events(partial(small_run, name), folder)
            made[name] = Whole(finished(folder), events)
        return made[name]

    return get


def strike(run, fault, number, folder, expected):
    """Strike a run at an event; look at what it says and leaves, and let it go on."""
    error = struck_at(number, fault, run, folder)
    if error is not None and isinstance(fault, DiskFull):
        line, code = _describe(error)
        assert code == 1 and "No space left on device" in line and "unexpected" not in line, (number, line)
        assert not isinstance(error, InputError) or "cannot write to output folder" in line, (number, line)
    elif error is not None:
        assert type(error) is KeyboardInterrupt, number
    left = [path for path in folder.rglob(".*") if is_leftover(path)]
    assert not left, (number, left)
    run(folder, resume=True)
    assert close(finished(folder), expected), number
    assert not [path for path in folder.rglob(".*") if is_leftover(path) or path.name == ".lock"], number
    shutil.rmtree(folder)


def spread(number, most):
    """``most`` of the events 1 to ``number``, from the first to the last."""
    return sorted({1 + (number - 1) * part // (most - 1) for part in range(most)})


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", QUICK_NAMES)
def test_a_run_says_what_happened_and_goes_on(name, fault, tmp_path, whole):
    run = partial(small_run, name)
    expected, events = whole(name)
    for number in spread(events, SPREAD):
        strike(run, FAULTS[fault](), number, tmp_path / "run", expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_may_be_struck_anywhere(name, fault, tmp_path, whole):
    run = partial(small_run, name)
    expected, events = whole(name)
    for number in range(1, events + 1):
        strike(run, FAULTS[fault](), number, tmp_path / "run", expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["relax", "md", "eos"])
def test_a_folder_that_is_taken_away_is_named(name, tmp_path, monkeypatch):
    calculate = EMT.calculate
    evaluations = []

    def taking(self, *arguments, **options):
        evaluations.append(arguments)
        if len(evaluations) == 4:
            shutil.rmtree(tmp_path / "run")
        calculate(self, *arguments, **options)

    monkeypatch.setattr(EMT, "calculate", taking)
    run = workflow(equical.relax, copper, steps=20, fmax=1e-6) if name == "relax" else partial(small_run, name)
    with pytest.raises(InputError, match="run was removed or renamed during the run$"):
        run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run(tmp_path / "run")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_interruption_while_the_folder_is_locked_keeps_nobody_out(tmp_path):
    for number in (1, 2, 3):
        struck_at(number, Interrupt(), partial(small_run, "relax"), tmp_path / "run")
    partial(small_run, "relax")(tmp_path / "run", resume=True)
