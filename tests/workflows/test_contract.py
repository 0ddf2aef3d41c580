"""What every workflow owes: the same keywords, result and file, and a world that is as it was."""

import dataclasses
import inspect
import json
import os
import random
import signal
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch._dynamo  # which torch may load at any time, and which sets filters of warnings when it is
from ase import Atoms
from ase.build import bulk, fcc100, molecule
from ase.calculators.emt import EMT
from ase.io import read

import equical
from equical.workflows.common.result import Result

ODD = {
    "energy": 1.0,
    "two\nlines": "a\nb\u2028c",
    7: object(),
    'key with = and "quotes"': "ü",
    "virial": "x",
    "pbc": "F",
}
"""What may stand in a structure's ``info``, and must break no file."""


def odd(atoms):
    """The structure with everything in it that users leave there."""
    atoms.info = dict(ODD)
    atoms.set_array("forces", np.ones((len(atoms), 3)))
    atoms.set_array("bad name", np.arange(len(atoms)))
    return atoms


def copper(cubic=True):
    return odd(bulk("Cu", cubic=cubic))


def slab():
    return odd(fcc100("Cu", (1, 1, 3), vacuum=6.0))


class Workflow(NamedTuple):
    """How to run one, quickly.

    Attributes:
        function: the public one.
        start: makes the structure.
        run: calls it with that structure and with what the test wants.
        refused: arguments that it must not accept.
    """

    function: Callable[..., Result]
    start: Callable[[], Atoms]
    run: Callable[..., Result]
    refused: dict[str, Any]


def _workflow(function, start, refused=None, many=False, **settings):
    def run(atoms, **options):
        return function([atoms] if many else atoms, **{"calculator": EMT()} | settings | options)

    return Workflow(function, start, run, refused or {"calculator": "no such model"})


def _adsorption(atoms, **options):
    chosen = {"adsorbate": "O", "calculator": EMT(), "sites": ["top"], "reference": "1/2 O2", "steps": 2} | options
    return equical.adsorption_energy(atoms, **chosen)


def _screen(atoms, **options):
    table = [{"slab": atoms, "adsorbates": options.pop("adsorbates", "O"), "reference": "1/2 O2"}]
    return equical.screen(table, **{"calculator": EMT(), "sites": ["top"], "steps": 40, "workers": 0} | options)


def _adsorptions(atoms, adsorbates=("N", "O"), **options):
    return equical.adsorption_energies(
        atoms, list(adsorbates), **{"calculator": EMT(), "sites": ["top"], "azimuths": [0], "steps": 2} | options
    )


def _neb(atoms, **options):
    final = atoms.copy()
    final.positions[0] += [0.3, 0.2, 0.1]
    return equical.neb(atoms, final, **{"calculator": EMT(), "images": 1, "steps": 2} | options)


def _search(atoms, **options):
    return equical.search("Cu", **{"calculator": EMT(), "structures": 1, "operations": 4, "steps": 2} | options)


def _bench(atoms, **options):
    return equical.bench(structure=atoms, **{"sizes": [1], "steps": 1, "device": "cpu"} | options)


def _check(atoms, **options):
    return equical.check(**{"calculator": EMT(), "structures": atoms, "checks": ["forces"], "quick": True} | options)


WORKFLOWS = {
    "relax": _workflow(equical.relax, copper, cell="free", steps=2),
    "relax_many": _workflow(equical.relax_many, copper, many=True),
    "eos": _workflow(equical.eos, copper, num_points=5, relax="ions", refused={"num_points": 4}),
    "elastic": _workflow(equical.elastic, copper, force=True, refused={"calculator": "no such model"}),
    "phonon": _workflow(equical.phonon, lambda: copper(cubic=False), supercell=(2, 2, 2), mesh=5.0, force=True),
    "qha": _workflow(
        equical.qha,
        lambda: copper(cubic=False),
        supercell=(2, 2, 2),
        mesh=5.0,
        num_volumes=5,
        temperatures=[0, 100],
        refused={"num_volumes": 4},
    ),
    "conductivity": _workflow(
        equical.conductivity,
        lambda: copper(cubic=False),
        supercell=(2, 2, 2),
        third_order_supercell=(2, 2, 2),
        mesh=7.0,
        temperatures=[300],
        refused={"temperatures": [0]},
    ),
    "vib": _workflow(equical.vib, lambda: odd(molecule("N2")), force=True, refused={"statistics": "fermi"}),
    "md": _workflow(equical.md, copper, steps=20, timestep=2.0, interval=1, refused={"equilibrate": 20}),
    "adsorption_energy": Workflow(equical.adsorption_energy, slab, _adsorption, {"adsorbate": "no such thing"}),
    "screen": Workflow(equical.screen, slab, _screen, {"adsorbates": "no such thing"}),
    "adsorption_energies": Workflow(equical.adsorption_energies, slab, _adsorptions, {"adsorbates": ["no such thing"]}),
    "neb": Workflow(equical.neb, copper, _neb, {"images": 0}),
    "search": Workflow(equical.search, copper, _search, {"structures": 0}),
    "bench": Workflow(equical.bench, copper, _bench, {"executions": ["cuda-graph"]}),
    "check": Workflow(equical.check, copper, _check, {"checks": ["no such check"]}),
}

EXTRAS = {"conductivity": "phono3py"}
"""What workflows need that only an extra brings."""

RUN = {"output": None, "overwrite": False, "resume": False, "progress": False}
"""What every run is told, with the defaults."""

LASTING = {*WORKFLOWS, "train", "finetune"}
"""Public functions that make a run in a folder, which can be interrupted."""

AT_ONCE = {
    "evaluate": {"output", "overwrite", "progress"},
    "calibrate": {"progress"},  # writes into the folder of the model
    "convert": {"output", "overwrite"},
    "check_data": {"output"},
}
"""Those that return a result and have nothing to go on from: what they write is there as a whole, or not at all. And
what of the keywords of runs they take."""


def the_world():
    """Everything that is not ours to change, in a form that can be compared."""
    generator, numbers, *place = np.random.get_state()
    return {
        "python's random numbers": random.getstate(),
        "numpy's random numbers": (generator, numbers.tobytes(), *place),
        "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
        "default dtype": torch.get_default_dtype(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "precision": torch.get_float32_matmul_precision(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "folder": os.getcwd(),
        "numpy's errors and print options": (np.geterr(), str(np.get_printoptions())),
        "handlers of signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


class Run(NamedTuple):
    """What one run came to."""

    workflow: Workflow
    result: Result
    folder: Path
    world: tuple[dict[str, Any], dict[str, Any]]
    atoms: tuple[Atoms, Atoms]


@pytest.fixture(scope="module", params=WORKFLOWS)
def run(request, tmp_path_factory, tiny_model):
    """One workflow after the other, run once on a structure full of odd things."""
    if request.param in EXTRAS:
        pytest.importorskip(EXTRAS[request.param])
    workflow, folder = WORKFLOWS[request.param], tmp_path_factory.mktemp("contract") / request.param
    if request.param == "bench":
        workflow = workflow._replace(run=lambda atoms, **options: _bench(atoms, model=tiny_model, **options))
    atoms = workflow.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # these runs are no longer than they must be
        before, world = atoms.copy(), the_world()
        result = workflow.run(atoms, output=folder)
        return Run(workflow, result, folder, (world, the_world()), (before, atoms))


def public_functions():
    """Functions of the package that return a result, by name."""
    found = {name: getattr(equical, name) for name in equical.__all__}
    found = {name: one for name, one in found.items() if inspect.isfunction(one)}
    return {name: one for name, one in found.items() if "Result" in str(inspect.signature(one).return_annotation)}


def test_no_function_is_left_out():
    assert public_functions().keys() | {"check_data"} == LASTING | AT_ONCE.keys()


@pytest.mark.parametrize("name", sorted(LASTING))
def test_all_functions_take_the_same_keywords(name):
    parameters = inspect.signature(getattr(equical, name)).parameters
    for keyword, default in RUN.items():
        assert parameters[keyword].default is default
        assert parameters[keyword].kind is inspect.Parameter.KEYWORD_ONLY
    assert inspect.Parameter.VAR_KEYWORD not in {parameter.kind for parameter in parameters.values()}
    assert inspect.signature(getattr(equical, name)).return_annotation.endswith("Result")


@pytest.mark.parametrize("name", sorted(AT_ONCE))
def test_what_is_done_at_once_takes_some_of_these_keywords(name):
    function = getattr(equical, name)
    parameters = inspect.signature(function).parameters
    assert parameters.keys() & RUN.keys() == AT_ONCE[name]
    for keyword in AT_ONCE[name] - ({"output"} if name == "convert" else set()):  # which is what it makes
        assert parameters[keyword].default is RUN[keyword]
        assert parameters[keyword].kind is inspect.Parameter.KEYWORD_ONLY
    result = inspect.signature(function).return_annotation
    if isinstance(result, str):
        result = getattr(import_module(function.__module__), result)
    assert issubclass(result, Result) and result.__dataclass_params__.frozen


NO_SETTINGS = {
    "atoms",
    "structure",
    "structures",
    "initial",
    "final",
    "path",
    "table",
    "slab",
    "adsorbate",
    "adsorbates",
    "coverages",
    "references",
    "calculator",
    "model",
    "device",
    "dtype",
    "workers",
    "memory",
    "scheduler",
    "retry_failed",
}
"""What is computed, and what computes."""

IN_OTHER_WORDS = {("neb", "images"), ("search", "units"), ("search", "distances")}
"""Settings that functions take in a shorter form."""


@pytest.mark.parametrize("name", sorted(WORKFLOWS.keys() - {"relax_many"}))  # which takes the settings as one
def test_settings_are_spelled_out_as_they_are(name):
    """A default stands in a function for those who read its signature, and in the settings that check it."""
    room = import_module(WORKFLOWS[name].function.__module__.rpartition(".")[0] + ".settings")
    settings = getattr(room, [one for one in room.__all__ if one.endswith("Settings")][-1])
    fields = {field.name: field for field in dataclasses.fields(settings)}
    parameters = inspect.signature(WORKFLOWS[name].function).parameters
    for keyword in parameters.keys() - RUN.keys() - NO_SETTINGS:
        default = parameters[keyword].default
        if (name, keyword) not in IN_OTHER_WORDS and default is not inspect.Parameter.empty:
            assert default == fields[keyword].default, keyword
    missing = {"reference"} if name == "adsorption_energies" else set()  # each adsorbate has its own
    assert fields.keys() - parameters.keys() == missing


def test_results_are_frozen_and_alike(run):
    result = run.result
    assert isinstance(result, Result)
    assert isinstance(result.converged, bool)
    assert isinstance(result.warnings, tuple)
    assert (result.output, result.wall_time > 0) == (run.folder, True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.converged = True


def test_the_file_says_what_was_found_and_with_what(run):
    stored = json.loads((run.folder / "result.json").read_text("utf-8"))
    assert isinstance(stored["converged"], bool)
    assert stored["warnings"] == list(run.result.warnings)
    assert all("\n" not in warning for warning in stored["warnings"])
    assert stored["wall_time_s"] == run.result.wall_time
    assert stored["model"]["calculator"] in ("EMT", "EquiCalc")
    assert {"equical", "ase", "numpy", "torch", "python"} <= stored["versions"].keys()
    assert stored.keys() == run.result.to_json().keys() | {"model", "dtype", "versions"}
    assert json.loads((run.folder / "run.json").read_text("utf-8"))["workflow"]


def test_every_number_has_a_unit(run):
    stored = json.loads((run.folder / "result.json").read_text("utf-8"))
    units = stored.pop("units")
    assert list(without_unit(stored, units)) == []
    assert all(isinstance(unit, str) and unit for unit in units.values())


def without_unit(value, units, path=()):
    """Where there are numbers, other than whole ones, and no unit at any name on the way to them."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from without_unit(item, units, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from without_unit(item, units, path)
    elif isinstance(value, float) and not units.keys() & set(path):
        yield ".".join(path)


def test_nothing_else_in_the_world_has_changed(run):
    before, after = run.world
    assert [name for name in before if before[name] != after[name]] == []
    given, left = run.atoms
    assert given == left and given.info == left.info and given.arrays.keys() == left.arrays.keys()
    assert left.calc is None


def test_every_structure_can_be_read_again(run):
    paths = list(run.folder.rglob("*.extxyz"))
    assert len(paths) >= (not run.folder.name.startswith(("bench", "check")))
    for path in paths:
        assert read(path, index=":")


def test_what_is_refused_leaves_earlier_results(run):
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with pytest.raises(equical.InputError):
        run.workflow.run(run.workflow.start(), output=run.folder)
    with pytest.raises(equical.InputError):
        run.workflow.run(run.workflow.start(), output=run.folder, overwrite=True, **run.workflow.refused)
    if run.folder.name not in ("relax_many", "search"):  # one that cannot be relaxed stops no other; no structure
        broken = run.workflow.start()
        broken.positions[0] = np.nan
        with pytest.raises(equical.InputError):
            run.workflow.run(broken, output=run.folder, overwrite=True)
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_finished_run_can_be_taken_up(run):
    again = run.workflow.run(run.workflow.start(), output=run.folder, resume=True)
    assert (type(again), again.converged, again.output) == (type(run.result), run.result.converged, run.folder)
