"""A disk that fills up and a user who interrupts: one line says so, what was done is kept, and the run goes on.

The run is struck at some of its file events, spread from the first to the last; ``-m slow`` strikes at all of them.
"""

import shutil
import warnings
from typing import NamedTuple

import pytest
from ase.build import bulk, fcc100, molecule
from ase.calculators.emt import EMT

import equical
from equical.cli import _describe
from equical.errors import InputError
from equical.files import is_leftover
from tests.faults import DiskFull, Interrupt, count_file_events, struck_at
from tests.training.labelled import values, write_copper
from tests.workflows.test_kill_points import adsorption, close, copper, finished

FAULTS = {"a full disk": DiskFull, "an interruption": Interrupt}

SPREAD = 3
"""Events at which each run is struck, where not at all of them."""


def adsorptions(folder, **options):
    few = {"sites": ["top"], "azimuths": [0], "steps": 1}
    return equical.adsorption_energies(
        fcc100("Cu", (1, 1, 2), vacuum=6.0), ["N"], EMT(), output=folder, **few, **options
    )


def hop(folder, **options):
    crystal = bulk("Cu", cubic=True) * (2, 1, 1)
    ends = [crystal.copy(), crystal.copy()]
    for number, end in enumerate(ends):
        del end[number]
    return equical.neb(*ends, EMT(), images=1, steps=1, output=folder, **options)


def screening(folder, **options):
    table = [{"slab": fcc100("Cu", (1, 1, 2), vacuum=6.0), "adsorbates": "O", "reference": "1/2 O2"}]
    few = {"sites": ["top"], "steps": 1, "workers": 0}
    return equical.screen(table, EMT(), output=folder, **few, **options)


def workflow(function, start, **settings):
    return lambda folder, **options: function(start(), EMT(), output=folder, **settings, **options)


RUNS = {
    "relax": workflow(equical.relax, copper, steps=1),
    "relax_many": workflow(equical.relax_many, lambda: [bulk("Cu"), bulk("Ni")]),
    "md": workflow(equical.md, copper, steps=6, timestep=2.0, interval=3),
    "eos": workflow(equical.eos, copper, num_points=5),
    "elastic": workflow(equical.elastic, lambda: bulk("Cu"), force=True),
    "phonon": workflow(equical.phonon, lambda: bulk("Cu"), supercell=(2, 2, 2), mesh=5.0, force=True),
    "vib": workflow(equical.vib, lambda: molecule("N2"), force=True),
    "neb": hop,
    "adsorption_energy": adsorption,
    "adsorption_energies": adsorptions,
    "screen": screening,
    "search": workflow(equical.search, lambda: "Cu", structures=1, operations=48),
}


class Whole(NamedTuple):
    """A run that nothing happened to: what it said, and how many file events it had."""

    result: dict
    events: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted runs by name, each made when it is asked for first."""
    made = {}

    def get(name, run):
        if name not in made:
            folder = tmp_path_factory.mktemp("whole") / name
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                events = count_file_events(run, folder)
            made[name] = Whole(comparable(folder), events)
        return made[name]

    return get


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Trains on a handful of frames."""
    config = values(write_copper(tmp_path_factory.mktemp("data")))
    return lambda folder, **options: equical.train(config, output=folder, **options)


def comparable(folder):
    """What a run says that does not depend on when it was interrupted."""
    told = finished(folder)
    for name in ("minutes", "model", "resumed_from", "reused"):
        told.pop(name, None)
    return told


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
    assert close(comparable(folder), expected), number
    assert not [path for path in folder.rglob(".*") if is_leftover(path) or path.name == ".lock"], number
    shutil.rmtree(folder)


def spread(number, most):
    """``most`` of the events 1 to ``number``, from the first to the last."""
    return sorted({1 + (number - 1) * part // (most - 1) for part in range(most)})


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [*RUNS, "train"])
def test_a_run_says_what_happened_and_goes_on(name, fault, tmp_path, whole, training):
    run = RUNS.get(name, training)
    expected, events = whole(name, run)
    for number in spread(events, SPREAD):
        strike(run, FAULTS[fault](), number, tmp_path / "run", expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", [*RUNS, "train"])
def test_a_run_may_be_struck_anywhere(name, fault, tmp_path, whole, training):
    run = RUNS.get(name, training)
    expected, events = whole(name, run)
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
    run = workflow(equical.relax, copper, steps=20, fmax=1e-6) if name == "relax" else RUNS[name]
    with pytest.raises(InputError, match="run was removed or renamed during the run$"):
        run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
    run(tmp_path / "run")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_interruption_while_the_folder_is_locked_keeps_nobody_out(tmp_path):
    for number in (1, 2, 3):
        struck_at(number, Interrupt(), RUNS["relax"], tmp_path / "run")
    RUNS["relax"](tmp_path / "run", resume=True)
