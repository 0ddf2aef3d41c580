"""A run that stopped, for whatever reason, goes on as if it had not."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read

from equical.calculator import EquiCalc
from equical.errors import InputError
from equical.workflows.common.notes import WorkflowWarning
from equical.workflows.md import ENSEMBLES, md
from equical.workflows.md.state import STATE, STATE_BEFORE
from tests.workflows.md.lattice import lattice

STEPS = 26  # checkpoints on the way at 10 and 20, and one at the end
FILES = ("trajectory.extxyz", "thermo.csv")


@pytest.fixture(autouse=True)
def frequent_checkpoints_no_plots_and_no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr("equical.workflows.md.simulate.CHECKPOINT_EVERY", 10)
    monkeypatch.setattr("equical.workflows.md.run.write_md", lambda folder, result: None)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


class Interrupted(Exception):
    """Stands for whatever stops a run."""


def fail_after(calculator, evaluations):
    """Make a calculator stop the run in the given evaluation."""
    original, count = calculator.calculate, [0]

    def calculate(*args, **kwargs):
        count[0] += 1
        if count[0] > evaluations:
            raise Interrupted
        original(*args, **kwargs)

    calculator.calculate = calculate


def simulate(folder, atoms, *, stop=None, **settings):
    """A short run, on a copy of the calculator's ``calculate`` that may stop it."""
    chosen = {"ensemble": "nve", "steps": STEPS, "timestep": 2.0, "interval": 3, "seed": 3, **settings}
    if stop:
        fail_after(atoms.calc, stop)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "mean temperature")  # these runs are no longer than they must be
        return md(atoms, **chosen, output=folder)


def contents(folder):
    """Everything a run left behind to go on from."""
    with np.load(folder / STATE) as file:
        state = {name: file[name].tobytes() for name in file.files}
    return state | {name: (folder / name).read_bytes() for name in FILES}


def assert_same(first, second):
    first, second = contents(first), contents(second)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.parametrize("ensemble", sorted(ENSEMBLES))
def test_every_ensemble_continues_bit_for_bit(tmp_path, ensemble):
    ramp = {"temperature": 300.0 if ensemble == "nve" else (300.0, 500.0)}
    simulate(tmp_path / "whole", lattice(quartic=5.0), ensemble=ensemble, **ramp)
    stop = 50 if ensemble == "berendsen" else 25  # force evaluations; scaling the cell costs one more in each step
    with pytest.raises(Interrupted):
        simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble=ensemble, stop=stop, **ramp)
    result = simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble=ensemble, resume=True, **ramp)
    assert result.resumed_from == 20
    assert result.steps == STEPS
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_frozen_atoms_and_kept_velocities_survive(tmp_path):
    atoms = lattice(quartic=5.0)
    atoms.set_constraint(FixAtoms([0]))
    atoms.set_momenta(np.random.default_rng(0).standard_normal((8, 3)))
    simulate(tmp_path / "whole", atoms, ensemble="nose-hoover", keep_velocities=True)
    with pytest.raises(Interrupted):
        simulate(tmp_path / "parts", atoms, ensemble="nose-hoover", keep_velocities=True, stop=25)
    atoms.calc = lattice(quartic=5.0).calc
    simulate(tmp_path / "parts", atoms, ensemble="nose-hoover", keep_velocities=True, resume=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("ensemble", ["nve", "langevin"])
def test_calculator_that_remembers_continues_bit_for_bit(tmp_path, ensemble):
    # ASE's EMT keeps a neighbour list with a skin: pairs come in an order that depends on when the list was made, and
    # sums of floats on the order.
    def copper():
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.calc = EMT()
        return atoms

    hot = {"ensemble": ensemble, "temperature": 3000.0, "steps": 40, "timestep": 4.0}
    simulate(tmp_path / "whole", copper(), **hot)
    with pytest.raises(Interrupted):
        simulate(tmp_path / "parts", copper(), stop=28, **hot)
    simulate(tmp_path / "parts", copper(), resume=True, **hot)
    assert_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("ensemble", ["langevin", "npt"])
def test_model_continues_bit_for_bit(tmp_path, tiny_model, ensemble):
    def copper():
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=0)
        atoms.calc = EquiCalc(tiny_model, device="cpu")
        return atoms

    settings = {"ensemble": ensemble, "steps": 14, "timestep": 2.0, "barostat_time": 500.0}
    simulate(tmp_path / "whole", copper(), **settings)
    stop = 26 if ensemble == "npt" else 14  # stress is asked for separately
    with pytest.raises(Interrupted):
        simulate(tmp_path / "parts", copper(), stop=stop, **settings)
    result = simulate(tmp_path / "parts", copper(), resume=True, **settings)
    assert result.resumed_from == 10
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_finished_run_can_be_extended(tmp_path):
    simulate(tmp_path / "whole", lattice(), ensemble="npt")
    simulate(tmp_path / "parts", lattice(), ensemble="npt", steps=13)
    result = simulate(tmp_path / "parts", lattice(), ensemble="npt", resume=True)
    assert (result.resumed_from, result.steps) == (13, STEPS)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_a_run_that_goes_on_has_no_result_until_it_is_done(tmp_path):
    simulate(tmp_path, lattice(), steps=13)
    assert (tmp_path / "result.json").exists()
    with pytest.raises(Interrupted):
        simulate(tmp_path, lattice(), stop=8, resume=True)
    assert not (tmp_path / "result.json").exists()
    assert simulate(tmp_path, lattice(), resume=True).steps == STEPS
    assert (tmp_path / "result.json").exists()


def test_there_need_be_nothing_to_resume(tmp_path):
    simulate(tmp_path / "whole", lattice())
    result = simulate(tmp_path / "parts", lattice(), resume=True)
    assert result.resumed_from is None
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_trajectory_of_unknown_origin_is_left_alone(tmp_path):
    (tmp_path / "trajectory.extxyz").write_text("precious")
    with pytest.raises(InputError, match=r"no run\.json that says of what"):
        simulate(tmp_path, lattice(), resume=True)
    assert (tmp_path / "trajectory.extxyz").read_text() == "precious"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md") / "run"
    simulate(folder, lattice(), steps=14)
    return folder


def other_structure():
    atoms = lattice()
    atoms.positions[0, 0] += 1e-3
    return atoms


def other_constraint():
    atoms = lattice()
    atoms.set_constraint(FixAtoms([1]))
    return atoms


def emt():
    atoms = lattice(symbols=("Cu", "Pd"))
    atoms.calc = EMT()
    return atoms


@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (other_structure, {}, "began with another structure"),
        (other_constraint, {}, "constraints were"),
        (lambda: lattice(stiffness=3.0), {}, "parameters were"),
        (emt, {}, "model was Springs"),
        (lattice, {"timestep": 1.0}, r"timestep was 2\.0"),
        (lattice, {"seed": 4, "ensemble": "bussi"}, "ensemble was nve, seed was 3"),
        (lattice, {"steps": 13}, "has done 14 steps"),
    ],
)
def test_another_run_is_not_resumed(finished, atoms, settings, message):
    before = contents(finished)
    with pytest.raises(InputError, match=message):
        simulate(finished, atoms(), resume=True, **{"steps": 14, **settings})
    assert contents(finished) == before


def test_velocities_that_are_kept_must_be_the_same(tmp_path):
    atoms = lattice()
    atoms.set_momenta(np.random.default_rng(0).standard_normal((8, 3)))
    simulate(tmp_path, atoms, keep_velocities=True, steps=14)
    atoms.set_momenta(np.random.default_rng(1).standard_normal((8, 3)))
    with pytest.raises(InputError, match="velocities were"):
        simulate(tmp_path, atoms, keep_velocities=True, resume=True)


def test_ramp_is_not_stretched(tmp_path):
    ramp = {"ensemble": "bussi", "temperature": (300.0, 600.0)}
    simulate(tmp_path, lattice(), steps=14, **ramp)
    with pytest.raises(InputError, match="steps were 14"):
        simulate(tmp_path, lattice(), steps=20, resume=True, **ramp)


def test_other_averages_can_be_asked_for_afterwards(tmp_path):
    one = simulate(tmp_path, lattice())
    two = simulate(tmp_path, lattice(), equilibrate=24, resume=True)
    assert (two.resumed_from, two.potential_energy.deviation) == (STEPS, 0.0)
    assert one.potential_energy.deviation > 0


lossy = pytest.mark.filterwarnings("ignore:(trajectory|thermo)[.]")
"""Of tests that damage files, and are told so."""


def said(result):
    """Warnings but that of a mean temperature far from its target: these runs are no longer than they must be."""
    return [warning for warning in result.warnings if not warning.startswith("mean temperature")]


def steps_in(folder):
    return [frame.info["step"] for frame in read(folder / "trajectory.extxyz", index=":")]


def rows_in(folder):
    header, *rows = (folder / "thermo.csv").read_text().splitlines()
    assert header.startswith("step,time_ps,")
    return [int(row.split(",")[0]) for row in rows]


def shorten(path, share):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def test_a_lost_tail_is_named_and_the_run_goes_on(tmp_path):
    atoms = {"ensemble": "npt"}
    simulate(tmp_path / "whole", lattice(), **atoms)
    simulate(tmp_path / "parts", lattice(), steps=20, **atoms)
    shorten(tmp_path / "parts" / "trajectory.extxyz", 0.5)
    shorten(tmp_path / "parts" / "thermo.csv", 0.5)
    with pytest.warns(WorkflowWarning) as given:
        result = simulate(tmp_path / "parts", lattice(), resume=True, **atoms)
    lost = "lacks steps 9 to 18, which were lost on the disk: the run went on without them"
    assert [str(warning.message) for warning in given] == [f"trajectory.extxyz {lost}", f"thermo.csv {lost}"]
    assert said(result) == [f"trajectory.extxyz {lost}", f"thermo.csv {lost}"]
    assert steps_in(tmp_path / "parts") == rows_in(tmp_path / "parts") == [0, 3, 6, 21, 24]
    whole, parts = (contents(tmp_path / name) for name in ("whole", "parts"))
    assert all(whole[name] == parts[name] for name in ("positions", "momenta", "cell"))
    # What is missing is told again whenever the run is looked at, and nothing else is.
    with pytest.warns(WorkflowWarning, match="lacks steps 9 to 18"):
        again = simulate(tmp_path / "parts", lattice(), resume=True, **atoms)
    assert sorted(said(again)) == sorted(said(result))


@lossy
def test_what_can_be_read_of_damaged_files_is_kept(tmp_path):
    simulate(tmp_path / "run", lattice(), steps=24)
    (tmp_path / "run" / STATE_BEFORE).replace(tmp_path / "run" / STATE)  # of step 20, which later frames follow
    for name, rubbish in (("trajectory.extxyz", b"\0" * 500), ("thermo.csv", b"\xff\r," * 30)):
        path = tmp_path / "run" / name
        data = path.read_bytes()
        data = data.replace(b" step=3 ", b" step=4 ").replace(b"\n3,", b"\n4,")  # which has no frame
        middle = len(data) // 2
        path.write_bytes(data[:middle] + rubbish + data[middle + len(rubbish) :])
    result = simulate(tmp_path / "run", lattice(), steps=24, resume=True)
    assert len(said(result)) == 2
    for found in (steps_in(tmp_path / "run"), rows_in(tmp_path / "run")):
        assert found == sorted(set(found))
        assert {0, 6, 21, 24} <= set(found) < set(range(0, 25, 3))


@lossy
@pytest.mark.parametrize("keep", [0.0, 0.97])
def test_the_frame_of_the_checkpoint_itself_is_made_again(tmp_path, keep):
    simulate(tmp_path / "whole", lattice(), steps=24)
    simulate(tmp_path / "parts", lattice(), steps=24)
    shorten(tmp_path / "parts" / "trajectory.extxyz", keep)
    result = simulate(tmp_path / "parts", lattice(), steps=24, resume=True)
    if keep:
        assert said(result) == []
        assert_same(tmp_path / "whole", tmp_path / "parts")
    else:
        assert steps_in(tmp_path / "parts") == [24]


@lossy
def test_files_that_are_gone_are_begun_anew(tmp_path):
    simulate(tmp_path, lattice(), steps=14)  # whose last step has no frame
    for name in FILES:
        (tmp_path / name).unlink()
    result = simulate(tmp_path, lattice(), steps=14, resume=True)
    assert steps_in(tmp_path) == rows_in(tmp_path) == [14]
    assert "trajectory.extxyz lacks steps 0 to 12, which were lost" in said(result)[0]


@lossy
def test_correlations_are_those_of_frames_without_a_gap(tmp_path):
    settings = {"interval": 1, "steps": 60, "equilibrate": 0}
    simulate(tmp_path, lattice(), **settings)
    data = (tmp_path / "trajectory.extxyz").read_bytes().split(b"\n")
    (tmp_path / "trajectory.extxyz").write_bytes(b"\n".join(data[: 20 * 10] + data[24 * 10 :]))
    result = simulate(tmp_path, lattice(), resume=True, **settings)
    assert len(result.diffusion.lag) == (60 - 24 + 1) // 2
    assert "lacks steps 20 to 23," in said(result)[0]


def test_a_damaged_state_is_replaced_by_the_one_before(tmp_path):
    simulate(tmp_path / "whole", lattice())
    simulate(tmp_path / "parts", lattice(), steps=22)
    state = tmp_path / "parts" / STATE
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.write_bytes(bytes(data))
    with pytest.warns(UserWarning, match=r"restart\.npz is damaged: .* state before it, of step 20"):
        result = simulate(tmp_path / "parts", lattice(), resume=True)
    assert result.resumed_from == 20
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_without_a_state_the_way_out_throws_nothing_away(tmp_path):
    simulate(tmp_path, lattice(), steps=14)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in (STATE, STATE_BEFORE):
        shorten(tmp_path / name, 0.5)
        before[name] = (tmp_path / name).read_bytes()
    with pytest.raises(InputError, match="go on from the last frame of the trajectory there, with --keep-velocities"):
        simulate(tmp_path, lattice(), steps=20, resume=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


FULL_DISK = """
import resource, sys
import equical.workflows.md.simulate as simulate
from equical.workflows.md import md
from tests.workflows.md.lattice import lattice

simulate.CHECKPOINT_EVERY = 10
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
try:
    md(lattice(quartic=5.0), ensemble="bussi", steps=26, timestep=2.0, interval=3, seed=3, output=sys.argv[1])
except OSError as error:
    print(error.strerror, error.filename)
    sys.exit(1)
"""


def test_full_disk_loses_nothing(tmp_path):
    simulate(tmp_path / "whole", lattice(quartic=5.0), ensemble="bussi")
    # Room for the frames up to step 15 and half of one more.
    frame = (tmp_path / "whole" / "trajectory.extxyz").stat().st_size // 9
    arguments = [sys.executable, "-c", FULL_DISK, tmp_path / "parts", str(frame * 6 + frame // 2)]
    process = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert process.returncode == 1
    assert "File too large while writing; what was done is kept: make room, and go on with --resume" in process.stdout
    assert "trajectory.extxyz" in process.stdout
    written = (tmp_path / "parts" / "trajectory.extxyz").read_bytes()
    assert (tmp_path / "whole" / "trajectory.extxyz").read_bytes().startswith(written)
    assert written.count(b"\n") == 6 * 10
    assert written.endswith(b"\n")
    simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble="bussi", resume=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")
