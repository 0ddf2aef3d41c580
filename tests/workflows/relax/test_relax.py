"""Relaxation, with ASE's EMT as the calculator: right minima, honest convergence, nothing lost."""

import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from ase.filters import FrechetCellFilter
from ase.io import read
from ase.optimize import BFGS

from equical.errors import InputError
from equical.workflows.common.inputs import resolve_calculator
from equical.workflows.relax import RelaxFailure, RelaxSettings, relax, relax_many

STRAIN = np.array([[1.05, 0.02, 0.00], [0.00, 0.97, 0.01], [0.00, 0.03, 1.04]])


@pytest.fixture
def distorted():
    """A cubic Cu cell strained by up to 5 % and rattled."""
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell.array @ STRAIN, scale_atoms=True)
    atoms.rattle(0.05, seed=1)
    return atoms


@pytest.fixture(scope="module")
def emt_lattice_constant():
    """Å, from ASE alone and tight."""
    atoms = bulk("Cu")
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-5)
    return (4 * atoms.cell.volume) ** (1 / 3)


@pytest.mark.parametrize("optimizer", ["lbfgs", "bfgs", "fire"])
def test_free_cell_finds_the_crystal(distorted, emt_lattice_constant, optimizer):
    result = relax(distorted, EMT(), cell="free", optimizer=optimizer)
    assert result.converged
    np.testing.assert_allclose(result.atoms.cell.lengths(), emt_lattice_constant, rtol=1e-3)
    np.testing.assert_allclose(result.atoms.cell.angles(), 90, atol=0.05)
    assert result.space_group_before == "P1 (1)"
    assert result.space_group_after == "Fm-3m (225)"
    assert np.abs(result.atoms.get_stress()).max() / units.GPa <= 0.02
    assert len(result.energies) == len(result.max_forces) == len(result.max_stresses) == result.steps + 1


def test_lbfgs_takes_few_steps_for_large_cells(distorted):
    assert relax(distorted * (2, 2, 2), EMT(), cell="free").steps < 30


def test_input_and_its_calculator_are_untouched(distorted):
    before = distorted.copy()
    distorted.calc = EMT()
    result = relax(distorted, cell="free")
    assert distorted == before
    assert isinstance(distorted.calc, EMT)
    assert result.atoms.calc is not distorted.calc


def test_pressure_is_reached_and_the_enthalpy_minimised(distorted):
    result = relax(distorted, EMT(), cell="free", pressure=10.0)
    assert result.converged
    np.testing.assert_allclose(result.atoms.get_stress()[:3] / units.GPa, -10.0, atol=0.02)
    np.testing.assert_allclose(
        result.enthalpies[-1], result.energy + 10 * units.GPa * result.atoms.cell.volume, rtol=1e-12
    )
    assert result.enthalpies[-1] < result.enthalpies[0]


def test_fixed_volume_keeps_it_and_leaves_only_pressure(distorted):
    result = relax(distorted, EMT(), cell="fixed-volume")
    assert result.converged
    assert result.atoms.cell.volume == pytest.approx(distorted.cell.volume, rel=1e-9)
    stress = result.atoms.get_stress(voigt=False) / units.GPa
    assert np.abs(stress).max() > 1
    np.testing.assert_allclose(stress, stress.trace() / 3 * np.eye(3), atol=0.02)


def test_fixed_shape_keeps_angles_and_ratios(distorted):
    result = relax(distorted, EMT(), cell="fixed-shape", smax=0.001)
    assert result.converged
    np.testing.assert_allclose(result.atoms.cell.angles(), distorted.cell.angles(), atol=1e-6)
    ratio = result.atoms.cell.lengths() / distorted.cell.lengths()
    assert np.ptp(ratio) < 1e-9
    assert abs(ratio[0] - 1) > 1e-3
    assert abs(result.atoms.get_stress()[:3].mean()) / units.GPa <= 0.001


def test_convergence_needs_stress_as_well_as_forces():
    perfect = bulk("Cu", a=3.8)  # forces vanish by symmetry
    result = relax(perfect, EMT(), cell="free", steps=0)
    assert result.max_force < 1e-10
    assert result.max_stress > 1
    assert not result.converged
    assert relax(perfect, EMT(), steps=0).converged


def test_running_out_of_steps_is_not_convergence(distorted):
    result = relax(distorted, EMT(), steps=2)
    assert not result.converged
    assert result.steps == 2
    assert result.max_force > 0.01


def test_symmetry_is_kept_where_forces_would_break_it():
    class Noisy(EMT):
        random = np.random.default_rng(0)

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = self.results["forces"] + self.random.normal(0, 0.5, (4, 3))

    atoms = bulk("Cu", a=3.7, cubic=True)
    kept = relax(atoms, Noisy(), cell="free", symmetry=True, steps=5)
    lost = relax(atoms, Noisy(), cell="free", steps=5)
    assert (kept.space_group_before, kept.space_group_after) == ("Fm-3m (225)", "Fm-3m (225)")
    assert (lost.space_group_before, lost.space_group_after) == ("Fm-3m (225)", "P1 (1)")
    assert kept.atoms.cell.lengths()[0] < 3.65
    assert kept.atoms.constraints == []


def test_a_cell_that_is_kept_is_kept_where_the_symmetry_is_made_exact():
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell([3.600, 3.600, 3.604], scale_atoms=True)
    atoms.positions[1] += [0.003, 0, 0]
    result = relax(atoms, EMT(), fmax=1e-4, symmetry=True)
    np.testing.assert_array_equal(result.atoms.cell, atoms.cell)
    assert result.converged
    result.atoms.calc = EMT()
    assert np.abs(result.atoms.get_forces()).max() < 1e-4


def test_frozen_atoms_stay_and_the_slab_relaxes():
    slab = fcc111("Cu", (2, 2, 3), vacuum=8)
    slab.rattle(0.05, seed=0)
    slab.set_constraint(FixAtoms(range(4)))
    result = relax(slab, EMT(), fmax=0.005)
    assert result.converged
    np.testing.assert_array_equal(result.atoms.positions[:4], slab.positions[:4])
    assert np.abs(result.atoms.positions[4:] - slab.positions[4:]).max() > 0.02
    assert result.atoms.constraints[0].index.tolist() == [0, 1, 2, 3]
    assert np.linalg.norm(result.atoms.get_forces(apply_constraint=False)[:4], axis=1).max() > 0.005


def test_other_constraints_are_respected():
    slab = fcc111("Cu", (1, 1, 3), vacuum=8)
    slab.rattle(0.05, seed=0)
    slab.set_constraint(FixCartesian(2, mask=(True, True, False)))
    result = relax(slab, EMT())
    np.testing.assert_array_equal(result.atoms.positions[2, :2], slab.positions[2, :2])
    assert result.atoms.positions[2, 2] != slab.positions[2, 2]


def test_slab_cell_relaxes_in_plane_only():
    slab = fcc111("Cu", (1, 1, 4), a=3.7, vacuum=8)
    assert slab.pbc.tolist() == [True, True, False]
    result = relax(slab, EMT(), cell="free")
    assert result.converged
    np.testing.assert_allclose(result.atoms.cell[2], slab.cell[2], atol=1e-10)
    assert result.atoms.cell.lengths()[0] < slab.cell.lengths()[0] - 0.05


def test_vacuum_that_relaxes_with_the_cell_is_warned_of():
    with pytest.warns(UserWarning, match=r"the 16\.0 Å without atoms along cell vector c relax with the cell"):
        relax(fcc111("Cu", (1, 1, 3), vacuum=8, periodic=True), EMT(), cell="free", steps=1)


def test_molecule_and_calculator_without_free_energy():
    class NoFreeEnergy(LennardJones):
        implemented_properties = ("energy", "forces")

        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results = {name: self.results[name] for name in self.implemented_properties}

    result = relax(Atoms("Ar2", [[0, 0, 0], [0, 0, 1.3]]), NoFreeEnergy(rc=10), fmax=1e-4)
    assert result.atoms.get_distance(0, 1) == pytest.approx(2 ** (1 / 6), abs=1e-3)
    assert result.space_group_before is None


def test_results_from_a_file_are_no_calculator(distorted, monkeypatch):
    distorted.calc = SinglePointCalculator(distorted, energy=0.0, forces=np.zeros((4, 3)))
    monkeypatch.setitem(sys.modules, "equical.calculator", SimpleNamespace(EquiCalc=EMT))
    assert isinstance(relax(distorted, steps=0).max_force, float)
    assert isinstance(resolve_calculator(None, distorted), EMT)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fmax": 0.0}, "fmax must be a positive number, got 0.0"),
        ({"smax": np.nan}, "smax must be a positive number"),
        ({"steps": -1}, "steps must not be negative"),
        ({"cell": "free-ish"}, "cell must be one of fixed, free"),
        ({"optimizer": "sgd"}, "optimizer must be one of fire, lbfgs, bfgs, got 'sgd'"),
        ({"pressure": 1.0}, "a pressure needs a cell"),
        ({"pressure": 1.0, "cell": "fixed-volume"}, "a pressure needs a cell"),
        ({"pressure": np.inf, "cell": "free"}, "pressure must be a finite number"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        RelaxSettings(**settings)


def test_structures_that_cannot_be_relaxed_are_refused(tmp_path):
    class NoStress(Calculator):
        implemented_properties = ("energy", "forces")

    cases = [
        (Atoms("Cu", [[np.nan, 0, 0]]), EMT(), {}, "not a finite number"),
        (molecule("CO"), EMT(), {"cell": "free"}, "three lattice vectors"),
        (molecule("CO", vacuum=5), EMT(), {"cell": "free"}, "periodic structure"),
        (bulk("Cu"), NoStress(), {"cell": "free"}, "NoStress computes no stress"),
        (fcc111("Cu", (1, 1, 3), vacuum=8), EMT(), {"cell": "fixed-volume"}, "periodic in three directions"),
        (molecule("CO"), EMT(), {"symmetry": True}, "periodic in three directions"),
        (fcc111("Cu", (1, 1, 3), vacuum=8), EMT(), {"cell": "free", "pressure": 2}, "a pressure means nothing"),
        (fcc111("Cu", (1, 1, 3), vacuum=8, periodic=True), EMT(), {"cell": "free", "pressure": 2}, "there is vacuum"),
    ]
    for atoms, calculator, settings, message in cases:
        with pytest.raises(InputError, match=message):
            relax(atoms, calculator, **settings, output=tmp_path / "out")
        assert not list(tmp_path.iterdir())


def test_forces_that_stop_being_numbers_end_the_run_with_the_good_frames(tmp_path, distorted, calls):
    class Breaking(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            if len(calls) > 3:
                self.results["forces"] = self.results["forces"] * np.nan

    with pytest.raises(InputError, match="not finite numbers"):
        relax(distorted, Breaking(), output=tmp_path / "out")
    assert len(read(tmp_path / "out" / "trajectory.extxyz", ":")) == 3
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.drawn
def test_files_tell_the_whole_story(tmp_path, distorted):
    result = relax(distorted, EMT(), cell="free", output=tmp_path / "out")
    assert result.output == tmp_path / "out"
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"result.json", "run.json", "relaxed.extxyz", "trajectory.extxyz", "relax.png"}
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert data["converged"] is True
    assert data["steps"] == result.steps
    assert data["energy"] == pytest.approx(result.energy)
    assert data["model"] == {"calculator": "EMT"}
    assert data["settings"]["cell"] == "free"
    numeric = {key for key, value in data.items() if isinstance(value, float | list)} - {"warnings"}
    assert numeric <= set(data["units"])
    assert "wall_time_s" in data and "torch" in data["versions"]
    relaxed = read(tmp_path / "out" / "relaxed.extxyz")
    np.testing.assert_allclose(relaxed.positions, result.atoms.positions, atol=1e-7)
    assert relaxed.get_potential_energy() == pytest.approx(result.energy)
    trajectory = read(tmp_path / "out" / "trajectory.extxyz", ":")
    np.testing.assert_allclose([frame.get_potential_energy() for frame in trajectory], result.energies, atol=1e-7)
    assert (tmp_path / "out" / "relax.png").read_bytes().startswith(b"\x89PNG")


def test_killed_run_goes_on_where_it_stopped(tmp_path, distorted, calls):
    distorted.set_constraint(FixAtoms([0]))
    distorted.write(tmp_path / "start.extxyz")
    script = (
        "import os, signal, sys\n"
        "from ase.calculators.emt import EMT\n"
        "from ase.io import read\n"
        "from equical.workflows.relax.files import Trajectory\n"
        "from equical.workflows.relax import relax\n"
        "add = Trajectory.add\n"
        "def add_and_die(self, image, step):\n"
        "    add(self, image, step)\n"
        "    if step == 5:\n"
        "        with open(self._folder / 'trajectory.extxyz', 'a') as file:\n"
        "            file.write('4\\nLattice=\"3 0 0 0')\n"  # as if killed while writing
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "Trajectory.add = add_and_die\n"
        "relax(read(sys.argv[1]), EMT(), cell='free', output=sys.argv[2])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "start.extxyz"), str(tmp_path / "out")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "out" / "result.json").exists()

    start, whole = read(tmp_path / "start.extxyz"), relax(distorted, EMT(), cell="free")
    calls.clear()
    resumed = relax(start, EMT(), cell="free", output=tmp_path / "out", resume=True)
    assert resumed.converged
    assert len(calls) == resumed.steps - 4  # the five steps taken are not taken again
    np.testing.assert_allclose(resumed.energies[:6], whole.energies[:6], atol=1e-6)
    assert resumed.energy == pytest.approx(whole.energy, abs=1e-3)
    assert len(read(tmp_path / "out" / "trajectory.extxyz", ":")) == resumed.steps + 1

    again = relax(start, EMT(), cell="free", output=tmp_path / "out", resume=True)
    assert (again.converged, again.steps) == (True, resumed.steps)


def test_more_steps_for_a_run_that_had_too_few(tmp_path, distorted):
    assert not relax(distorted, EMT(), steps=2, output=tmp_path / "out").converged
    result = relax(distorted, EMT(), steps=50, output=tmp_path / "out", resume=True)
    assert result.converged
    assert json.loads((tmp_path / "out" / "result.json").read_text())["converged"] is True


def test_resuming_something_else_is_refused(tmp_path, distorted):
    relax(distorted, EMT(), steps=2, output=tmp_path / "out")
    moved = distorted.copy()
    moved.rattle(0.01, seed=5)
    for atoms, calculator, settings, message in [
        (moved, EMT(), {}, "began with another structure"),
        (distorted * (2, 1, 1), EMT(), {}, "began with another structure"),
        (distorted, LennardJones(), {}, "model was"),
        (distorted, EMT(), {"cell": "free"}, "cell was fixed"),
    ]:
        with pytest.raises(InputError, match=message):
            relax(atoms, calculator, **settings, output=tmp_path / "out", resume=True)
    with pytest.raises(InputError, match="not empty"):
        relax(distorted, EMT(), output=tmp_path / "out")
    assert relax(moved, EMT(), output=tmp_path / "out", overwrite=True).converged


@pytest.mark.filterwarnings("ignore:the structure is not periodic along c")
def test_resuming_with_other_constraints_boundaries_or_parameters_is_refused(tmp_path, distorted):
    relax(distorted, EMT(), steps=2, output=tmp_path / "out")
    frozen, open_ended = distorted.copy(), distorted.copy()
    frozen.set_constraint(FixAtoms([0, 1, 2]))
    open_ended.pbc = (True, True, False)
    for atoms, calculator, message in [
        (frozen, EMT(), r"constraints were \[\]"),
        (open_ended, EMT(), r"pbc was \[True, True, True\]"),
        (distorted, EMT(asap_cutoff=True), "parameters were"),
    ]:
        with pytest.raises(InputError, match=message):
            relax(atoms, calculator, output=tmp_path / "out", resume=True)
    relax(frozen, EMT(), steps=2, output=tmp_path / "frozen")
    assert relax(frozen, EMT(), output=tmp_path / "frozen", resume=True).converged


def test_a_run_that_goes_on_has_no_result_until_it_is_done(tmp_path, distorted):
    relax(distorted, EMT(), steps=2, output=tmp_path)
    assert (tmp_path / "result.json").exists()

    class Broken(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=()):
            if len(read(tmp_path / "trajectory.extxyz", ":")) > 4:
                raise RuntimeError("cut off")
            super().calculate(atoms, properties, system_changes)

    Broken.__name__, Broken.__module__ = EMT.__name__, EMT.__module__
    with pytest.raises(RuntimeError, match="cut off"):
        relax(distorted, Broken(), output=tmp_path, resume=True)
    assert not (tmp_path / "result.json").exists()
    assert relax(distorted, EMT(), output=tmp_path, resume=True).converged
    assert (tmp_path / "result.json").exists()


def test_nothing_of_an_overwritten_run_is_left(tmp_path, distorted):
    relax_many([distorted, bulk("Ag"), bulk("Au")], EMT(), output=tmp_path)
    relax_many([bulk("Ni"), bulk("Fe")], EMT(), output=tmp_path, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["0"]
    assert json.loads((tmp_path / "0" / "result.json").read_text())["structure"] == "Ni"
    relax(bulk("Cu"), EMT(), output=tmp_path, overwrite=True)
    assert not any(path.is_dir() for path in tmp_path.iterdir())


def test_results_are_not_given_up_for_structures_none_of_which_can_be_relaxed(tmp_path, distorted):
    relax_many([distorted], EMT(), output=tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    broken = distorted.copy()
    broken.positions[1] = np.nan
    with pytest.raises(InputError, match="none of the 2 structures can be relaxed; the first: atom 1 .* not a finite"):
        relax_many([broken, bulk("Cu")[:0]], EMT(), output=tmp_path, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_one_bad_structure_does_not_stop_the_rest(tmp_path, distorted, calls):
    broken = distorted.copy()
    broken.positions[1] = np.nan
    unknown = bulk("Fe")
    outcomes = relax_many([distorted, broken, unknown, bulk("Ni")], EMT(), output=tmp_path / "out")
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "RelaxResult",
        "RelaxFailure",
        "RelaxFailure",
        "RelaxResult",
    ]
    assert isinstance(outcomes[2], RelaxFailure)
    assert "Fe" in outcomes[2].reason
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (data["num_structures"], data["num_converged"], data["num_failed"]) == (4, 2, 2)
    assert data["converged"] is False
    assert "not a finite number" in data["structures"][1]["error"]
    assert [str(atoms.symbols) for atoms in read(tmp_path / "out" / "relaxed.extxyz", ":")] == ["Cu4", "Ni"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["0", "3"]

    calls.clear()
    relax_many([distorted, broken, unknown, bulk("Ni")], EMT(), output=tmp_path / "out", resume=True)
    assert len(calls) <= 3  # one look at each of the two that had converged, and one at Fe


@pytest.mark.parametrize(
    ("frame", "told"), [(3, "after step 2: the run goes on from there"), (0, "from its start on: the run begins again")]
)
def test_a_damaged_trajectory_goes_on_from_its_last_whole_frame(tmp_path, distorted, frame, told):
    relax(distorted, EMT(), steps=6, output=tmp_path / "out")
    path = tmp_path / "out" / "trajectory.extxyz"
    lines = path.read_bytes().split(b"\n")
    lines[frame * 6 + 3] = b"Cu \xff\xfe nonsense"
    path.write_bytes(b"\n".join(lines))
    with pytest.warns(UserWarning, match=f"damaged {told}"):
        result = relax(distorted, EMT(), steps=6, output=tmp_path / "out", resume=True)
    assert (result.steps, len(read(path, ":"))) == (6, 7)
    assert any("damaged" in line for line in json.loads((tmp_path / "out" / "result.json").read_text())["warnings"])


def test_odd_text_in_the_structure_does_no_harm(tmp_path, distorted):
    distorted.info = {"note": "two\nlines \x0b\u2028", "energy": 3.0, "stress": np.zeros(6), "what": object()}
    distorted.set_array("forces", np.ones((4, 3)))
    relax(distorted, EMT(), steps=2, output=tmp_path / "out")
    assert relax(distorted, EMT(), steps=4, output=tmp_path / "out", resume=True).steps == 4
    assert len(read(tmp_path / "out" / "trajectory.extxyz", ":")) == 5
