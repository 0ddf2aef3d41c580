"""A run that stopped, for whatever reason, goes on as if it had not."""

import signal
import subprocess
import sys

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read

from equical.calculator import EquiCalc
from equical.errors import InputError
from equical.workflows.md.restart import origin_of
from equical.workflows.md.settings import ENSEMBLES, MDSettings
from equical.workflows.md.simulate import CHECKPOINT, Simulation
from equical.workflows.md.velocities import degrees_of_freedom
from tests.workflows.md.lattice import lattice

STEPS = 26  # checkpoints on the way at 10 and 20, and one at the end
FILES = ("trajectory.extxyz", "thermo.csv")


@pytest.fixture(autouse=True)
def frequent_checkpoints(monkeypatch):
    monkeypatch.setattr("equical.workflows.md.simulate.CHECKPOINT_EVERY", 10)


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


def simulate(folder, atoms, *, stop=None, restart=False, **settings):
    folder.mkdir(exist_ok=True)
    chosen = MDSettings(**{"ensemble": "nve", "steps": STEPS, "timestep": 2.0, "interval": 3, "seed": 3, **settings})
    moving = atoms.copy()
    moving.calc = atoms.calc
    dof = degrees_of_freedom(atoms, chosen.ensemble)
    if stop:
        fail_after(moving.calc, stop)
    simulation = Simulation(moving, chosen, dof, folder, origin_of(atoms, atoms.calc, chosen))
    outcome = simulation.run(restart=restart, quiet=True)
    return moving, outcome


def contents(folder):
    """Everything a run left behind but the time it took."""
    with np.load(folder / CHECKPOINT) as file:
        state = {name: file[name].tobytes() for name in file.files if name != "notes"}
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
    _, outcome = simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble=ensemble, restart=True, **ramp)
    assert outcome.restarted_from == 20
    assert outcome.steps == STEPS
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_frozen_atoms_and_kept_velocities_survive(tmp_path):
    atoms = lattice(quartic=5.0)
    atoms.set_constraint(FixAtoms([0]))
    atoms.set_momenta(np.random.default_rng(0).standard_normal((8, 3)))
    simulate(tmp_path / "whole", atoms, ensemble="nose-hoover", keep_velocities=True)
    with pytest.raises(Interrupted):
        simulate(tmp_path / "parts", atoms, ensemble="nose-hoover", keep_velocities=True, stop=25)
    atoms.calc = lattice(quartic=5.0).calc
    simulate(tmp_path / "parts", atoms, ensemble="nose-hoover", keep_velocities=True, restart=True)
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
    simulate(tmp_path / "parts", copper(), restart=True, **hot)
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
    _, outcome = simulate(tmp_path / "parts", copper(), restart=True, **settings)
    assert outcome.restarted_from == 10
    assert_same(tmp_path / "whole", tmp_path / "parts")


SCRIPT = """
import os, signal, sys
import equical.workflows.md.simulate as simulate
from equical.workflows.md import md
from tests.workflows.md.lattice import lattice

simulate.CHECKPOINT_EVERY = 10
atoms = lattice(quartic=5.0)
calculate, count = atoms.calc.calculate, 0

def kill(*args, **kwargs):
    global count
    count += 1
    if count == 27:
        os.kill(os.getpid(), signal.SIGKILL)
    calculate(*args, **kwargs)

atoms.calc.calculate = kill
md(atoms, ensemble="bussi", steps=26, timestep=2.0, interval=3, seed=3, output=sys.argv[1])
"""


def test_killed_process_is_continued_bit_for_bit(tmp_path):
    simulate(tmp_path / "whole", lattice(quartic=5.0), ensemble="bussi")
    killed = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "parts"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert read(tmp_path / "parts" / "trajectory.extxyz", index=-1).info["step"] == 21
    # The worst moment: half of a frame, and half of the next checkpoint, have reached the disk.
    with (tmp_path / "parts" / "trajectory.extxyz").open("ab") as file:
        file.write(b'8\nLattice="5.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 5.0" Prop')
    (tmp_path / "parts" / ".restart.1.tmp.npz").write_bytes(b"PK")
    _, outcome = simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble="bussi", restart=True)
    assert outcome.restarted_from == 20
    assert_same(tmp_path / "whole", tmp_path / "parts")
    assert not list((tmp_path / "parts").glob(".restart*"))


def test_finished_run_can_be_extended(tmp_path):
    simulate(tmp_path / "whole", lattice(), ensemble="npt")
    simulate(tmp_path / "parts", lattice(), ensemble="npt", steps=13)
    _, outcome = simulate(tmp_path / "parts", lattice(), ensemble="npt", restart=True)
    assert (outcome.restarted_from, outcome.steps) == (13, STEPS)
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_restart_without_anything_to_restart_begins(tmp_path):
    simulate(tmp_path / "whole", lattice())
    _, outcome = simulate(tmp_path / "parts", lattice(), restart=True)
    assert outcome.restarted_from is None
    assert_same(tmp_path / "whole", tmp_path / "parts")


def test_trajectory_of_unknown_origin_is_left_alone(tmp_path):
    (tmp_path / "trajectory.extxyz").write_text("precious")
    with pytest.raises(InputError, match="no checkpoint beside it"):
        simulate(tmp_path, lattice(), restart=True)
    assert (tmp_path / "trajectory.extxyz").read_text() == "precious"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("md") / "run"
    simulate(folder, lattice(), steps=14)
    return folder


def other_structure():
    atoms = lattice()
    atoms.positions[0, 0] += 1e-9
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
        (other_structure, {}, "started from another structure"),
        (other_constraint, {}, "started from another structure"),
        (lambda: lattice(stiffness=3.0), {}, r"another model \(Springs with other weights or parameters\)"),
        (emt, {}, r"another model \(Springs, not EMT\)"),
        (lattice, {"timestep": 1.0}, r"other settings: timestep 2.0 \(now 1.0\)"),
        (lattice, {"seed": 4, "ensemble": "bussi"}, "ensemble nve .* seed 3"),
        (lattice, {"steps": 13}, "has done 14 steps"),
    ],
)
def test_restart_of_another_run_is_refused(finished, atoms, settings, message):
    before = contents(finished)
    with pytest.raises(InputError, match=message):
        simulate(finished, atoms(), restart=True, **{"steps": 14, **settings})
    assert contents(finished) == before


def test_ramp_is_not_stretched(tmp_path):
    ramp = {"ensemble": "bussi", "temperature": (300.0, 600.0)}
    simulate(tmp_path, lattice(), steps=14, **ramp)
    with pytest.raises(InputError, match="temperature ramp over 14 steps"):
        simulate(tmp_path, lattice(), steps=20, restart=True, **ramp)


def test_damaged_files_are_refused(tmp_path):
    simulate(tmp_path, lattice(), steps=14)
    (tmp_path / "trajectory.extxyz").write_text("")
    with pytest.raises(InputError, match="missing or was cut"):
        simulate(tmp_path, lattice(), steps=14, restart=True)
    (tmp_path / CHECKPOINT).write_bytes((tmp_path / CHECKPOINT).read_bytes()[:1000])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        simulate(tmp_path, lattice(), steps=14, restart=True)


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
    assert "File too large while writing; the run is safe up to its last checkpoint" in process.stdout
    assert "--restart" in process.stdout
    assert "trajectory.extxyz" in process.stdout
    written = (tmp_path / "parts" / "trajectory.extxyz").read_bytes()
    assert (tmp_path / "whole" / "trajectory.extxyz").read_bytes().startswith(written)
    assert written.count(b"\n") == 6 * 10
    assert written.endswith(b"\n")
    simulate(tmp_path / "parts", lattice(quartic=5.0), ensemble="bussi", restart=True)
    assert_same(tmp_path / "whole", tmp_path / "parts")
