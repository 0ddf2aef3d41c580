"""Molecular dynamics as a user runs it."""

import json
import re

import numpy as np
import pytest
from ase import Atom, Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read
from ase.md.verlet import VelocityVerlet

from equical.errors import InputError
from equical.workflows.md import md
from tests.workflows.md.lattice import lattice

cold = pytest.mark.filterwarnings("ignore:mean temperature")
"""Of tests whose runs are no longer than they must be."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A short NPT run of a binary crystal."""
    folder = tmp_path_factory.mktemp("md") / "run"
    atoms = lattice(size=3, quartic=5.0)
    start = atoms.copy()
    result = md(atoms, ensemble="npt-iso", temperature=300, timestep=2, steps=240, interval=4, seed=1, output=folder)
    return start, atoms, result, folder


def test_files_are_complete(finished):
    *_, folder = finished
    assert {path.name for path in folder.iterdir()} == {
        "run.json", "trajectory.extxyz", "thermo.csv", "restart.npz", "restart-before.npz", "final.extxyz",
        "result.json", "thermo.png", "rdf.csv",
        "rdf.png", "msd.csv", "msd.png", "vacf.csv", "vdos.csv", "vdos.png",
    }  # fmt: skip
    for name in ("thermo.png", "rdf.png", "msd.png", "vdos.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_caller_keeps_his_atoms(finished):
    start, atoms, *_ = finished
    assert atoms == start
    assert not atoms.has("momenta")


def test_result_and_json_say_the_same(finished):
    _, atoms, result, folder = finished
    stored = json.loads((folder / "result.json").read_text())
    assert (result.converged, result.steps, result.time, result.output) == (True, 240, 0.48, folder)
    assert (stored["converged"], stored["steps"], stored["time"]) == (True, 240, 0.48)
    assert stored["temperature"]["mean"] == result.temperature.mean
    assert stored["diffusion"] == dict.fromkeys(["Cu", "Pd"])
    assert stored["diffusion_reason"] == result.diffusion.reason
    assert all("as vibration has it" in reason for reason in result.diffusion.reason.values())
    assert stored["degrees_of_freedom"] == 78
    assert stored["model"]["calculator"] == "Springs"
    assert stored["settings"]["ensemble"] == "npt-iso"
    assert {"equical", "ase"} <= stored["versions"].keys()
    assert stored["warnings"] == list(result.warnings)
    mass = atoms.get_masses().sum() * 1.66053907e-24
    assert result.density == pytest.approx(mass / (result.volume.mean * 1e-24), rel=1e-6)


def test_trajectory_reads_back_with_all_it_should_hold(finished):
    *_, result, folder = finished
    frames = read(folder / "trajectory.extxyz", index=":")
    table = np.genfromtxt(folder / "thermo.csv", delimiter=",", names=True)
    assert [frame.info["step"] for frame in frames] == list(range(0, 241, 4)) == list(table["step"])
    last = frames[-1]
    assert last.get_potential_energy() == pytest.approx(table["potential_eV"][-1], abs=1e-6)
    assert last.get_kinetic_energy() == pytest.approx(table["kinetic_eV"][-1], abs=1e-6)
    assert last.get_volume() == pytest.approx(table["volume_A3"][-1], abs=1e-4)
    assert -last.get_stress(include_ideal_gas=True)[:3].mean() / units.GPa == pytest.approx(
        table["pressure_GPa"][-1], abs=1e-4
    )
    assert np.allclose(last.positions, result.atoms.positions, atol=1e-7)
    final = read(folder / "final.extxyz")
    assert np.allclose(final.get_momenta(), result.atoms.get_momenta(), atol=1e-7)
    assert final.get_potential_energy() == pytest.approx(last.get_potential_energy())
    # Under a barostat, motion is that within the breathing cell.
    cells = np.array([frame.cell.array for frame in frames[12:]])
    places = np.array([frame.positions for frame in frames[12:]]) @ np.linalg.inv(cells) @ cells.mean(axis=0)
    places -= np.average(places, axis=1, weights=last.get_masses())[:, None]
    copper = places[:, last.symbols == "Cu"]
    assert result.diffusion.msd["Cu"][4] == pytest.approx(
        ((copper[4:] - copper[:-4]) ** 2).sum(axis=2).mean(), rel=1e-4
    )
    after = table[table["step"] >= 48]
    assert result.temperature.mean == pytest.approx(after["temperature_K"].mean())
    assert result.pressure.deviation == pytest.approx(after["pressure_GPa"].std())


@cold
def test_second_run_into_the_same_folder_is_refused_or_replaces_everything(tmp_path):
    md(lattice(), steps=20, timestep=2, output=tmp_path)
    with pytest.raises(InputError, match="not empty"):
        md(lattice(), steps=20, timestep=2, output=tmp_path)
    md(lattice(), steps=10, timestep=2, seed=2, output=tmp_path, overwrite=True)
    assert [frame.info["step"] for frame in read(tmp_path / "trajectory.extxyz", index=":")] == [0, 5, 10]
    assert len((tmp_path / "thermo.csv").read_text().splitlines()) == 4
    with pytest.raises(InputError, match="either resumed or overwritten"):
        md(lattice(), steps=20, output=tmp_path, resume=True, overwrite=True)
    with pytest.raises(InputError, match="give the output folder"):
        md(lattice(), steps=20, resume=True)


def test_old_names_work_for_one_release(tmp_path):
    with pytest.warns(FutureWarning, match="restart is called resume now"):
        md(lattice(), ensemble="nve", steps=20, output=tmp_path, restart=True)
    with pytest.warns(FutureWarning, match="equilibration is called equilibrate now"):
        result = md(lattice(), ensemble="nve", steps=20, equilibration=0.5)
    assert result.settings.equilibrate == 0.5


@cold
def test_nothing_of_an_overwritten_run_is_left(tmp_path):
    md(bulk("Cu", cubic=True), EMT(), steps=200, timestep=2, interval=2, output=tmp_path)
    assert (tmp_path / "msd.csv").exists()
    md(bulk("Al", cubic=True), EMT(), steps=4, timestep=2, output=tmp_path, overwrite=True)
    assert not [path.name for path in tmp_path.iterdir() if path.stem in ("msd", "vacf", "vdos")]


@pytest.mark.parametrize("ensemble", ["bussi", "langevin"])
def test_a_structure_that_the_calculator_refuses_leaves_nothing(tmp_path, ensemble):
    with pytest.raises(NotImplementedError, match="Fe"):
        md(bulk("Fe", cubic=True), EMT(), ensemble=ensemble, steps=4, output=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_constant_energy_is_what_a_plain_ase_script_computes():
    result = md(lattice(quartic=5.0), ensemble="nve", temperature=500, timestep=3, steps=50, seed=4)
    plain = lattice(quartic=5.0)
    masses = plain.get_masses()[:, None]
    velocities = np.random.default_rng(4).standard_normal((8, 3)) * np.sqrt(units.kB * 500 / masses)
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    plain.set_velocities(velocities)
    plain.set_momenta(plain.get_momenta() * np.sqrt(500 * 21 / 24 / plain.get_temperature()))
    VelocityVerlet(plain, 3 * units.fs).run(50)
    assert np.allclose(result.atoms.positions, plain.positions, rtol=0, atol=1e-12)
    assert np.allclose(result.atoms.get_momenta(), plain.get_momenta(), rtol=0, atol=1e-12)


def test_harmonic_crystal_shares_its_energy_and_vibrates_at_its_frequencies():
    # All atoms alike on harmonic springs, cos-shaped dispersion: ω² = (4k/m) Σ sin²(q/2), here 0, 1, 2 or 3 times 4k/m.
    atoms = lattice(symbols=("Cu",))
    result = md(atoms, ensemble="nve", temperature=600, timestep=4, steps=1500, interval=3, seed=0)
    assert result.temperature.mean == pytest.approx(300, rel=0.02)
    assert result.potential_energy.mean == pytest.approx(21 / 2 * units.kB * 300, rel=0.02)
    assert abs(result.energy_drift) < 1e-3
    single = np.sqrt(4 * 2.0 / atoms.get_masses()[0]) / (2 * np.pi) * 1000 * units.fs  # THz
    dos = result.spectrum.dos["Cu"]
    peaks = np.flatnonzero((dos[1:-1] > dos[:-2]) & (dos[1:-1] > dos[2:]) & (dos[1:-1] > 0.02 * dos.max())) + 1
    assert np.allclose(result.spectrum.frequency[peaks], single * np.sqrt([1, 2, 3]), atol=0.1)
    assert np.isnan(result.diffusion.coefficient["Cu"])


def test_lennard_jones_gas_is_nearly_ideal():
    # At 0.002 particles per σ³ and four times the well depth the radial distribution is exp(-u/kT).
    rng = np.random.default_rng(0)
    box, sigma, epsilon = 30.0, 2.0, 0.01
    gas = Atoms(cell=[box] * 3, pbc=True)
    while len(gas) < 27:
        gas.append(Atom("Ar", box * rng.random(3)))
        if len(gas) > 1 and gas.get_distances(-1, range(len(gas) - 1), mic=True).min() < 1.1 * sigma:
            gas.pop()
    calculator = LennardJones(sigma=sigma, epsilon=epsilon, rc=6.0, smooth=False)
    kelvin = 4 * epsilon / units.kB
    result = md(gas, calculator, ensemble="langevin", temperature=kelvin, timestep=5, steps=300, interval=10)
    assert result.temperature.mean == pytest.approx(kelvin, rel=0.15)
    rdf = result.radial_distribution
    assert rdf.total[rdf.distance < 0.7 * sigma].max() == 0
    assert rdf.total[rdf.distance > 4].mean() == pytest.approx(1, abs=0.15)
    assert result.spectrum.vacf["Ar"][-1] > 0
    assert re.search(r"to the power of 1\.[3-9]", result.diffusion.reason["Ar"])  # nearly free flight


def test_atoms_that_fly_apart_stop_the_run_at_the_last_good_step(tmp_path):
    atoms = lattice(quartic=5.0)
    atoms.positions[0] += [1.2, 0, 0]
    with pytest.warns(UserWarning) as warned:
        result = md(atoms, ensemble="nve", temperature=300, timestep=25, steps=100, interval=1, output=tmp_path)
    assert "25 fs is long for Cu" in str(warned[0].message)
    assert [str(one.message) for one in warned] == list(result.warnings)
    assert not result.converged
    assert result.steps < 20
    problem, _, where = result.warnings[1].rpartition("; ")
    assert problem.startswith(f"atoms flew apart at step {result.steps + 1} ")
    assert problem.endswith("start from a relaxed structure, or use a shorter time step")
    assert where == f"the last good step is {tmp_path / 'final.extxyz'}"
    final = read(tmp_path / "final.extxyz")
    last = read(tmp_path / "trajectory.extxyz", index=-1)
    assert last.info["step"] == result.steps
    assert np.allclose(final.positions, last.positions)
    assert np.isfinite(final.positions).all()
    assert json.loads((tmp_path / "result.json").read_text())["converged"] is False


@pytest.mark.parametrize("failure", ["nan", "error"])
def test_calculator_that_breaks_down_is_reported(failure):
    atoms = lattice()
    calculate, count = atoms.calc.calculate, [0]

    def breaking(*args, **kwargs):
        count[0] += 1
        calculate(*args, **kwargs)
        if count[0] > 10 and failure == "nan":
            atoms.calc.results["forces"] = np.full((8, 3), np.nan)
        if count[0] > 10 and failure == "error":
            raise InputError("atoms 1 and 2 coincide")

    atoms.calc.calculate = breaking
    with pytest.warns(UserWarning, match="atoms flew apart at step 9"):
        result = md(atoms, ensemble="nve", timestep=2, steps=50)
    assert not result.converged
    assert ("no longer numbers" if failure == "nan" else "atoms 1 and 2 coincide") in result.warnings[0]
    assert np.isfinite(result.atoms.positions).all()


def test_errors_of_the_calculator_that_are_not_the_structure_s_fault_pass_through():
    atoms = lattice()
    calculate, count = atoms.calc.calculate, [0]

    def breaking(*args, **kwargs):
        count[0] += 1
        if count[0] > 10:
            raise RuntimeError("out of memory")
        calculate(*args, **kwargs)

    atoms.calc.calculate = breaking
    with pytest.raises(RuntimeError, match="out of memory"):
        md(atoms, ensemble="nve", timestep=2, steps=50)


def test_runaway_cell_is_stopped():
    with pytest.raises(InputError, match="vacuum"):
        md(lattice(spacing=10.0), ensemble="npt", steps=10)
    with pytest.warns(UserWarning, match="the cell went to 3.* times its initial volume"):
        result = md(lattice(), ensemble="npt-iso", timestep=2, barostat_time=300, steps=2000, pressure=-30)
    assert not result.converged


def test_frozen_atoms_stay_and_are_left_out_of_motion(tmp_path):
    slab = bulk("Cu", cubic=True) * (2, 2, 2)
    slab.pbc = (True, True, False)
    slab.center(vacuum=5.0, axis=2)
    slab.set_constraint(FixAtoms(list(range(8))))
    slab.info["notes"] = {"nothing": object()}  # that a file could hold
    result = md(slab, EMT(), ensemble="langevin", timestep=4, steps=60, interval=2, output=tmp_path)
    assert result.degrees_of_freedom == 72
    assert np.array_equal(result.atoms.positions[:8], slab.positions[:8])
    assert np.abs(result.atoms.positions[8:] - slab.positions[8:]).min() > 0
    assert result.radial_distribution is None
    assert np.isnan(result.density)
    frames = read(tmp_path / "trajectory.extxyz", index=":")
    assert list(frames[-1].constraints[0].index) == list(range(8))
    moved = np.array([frame.positions[8:] for frame in frames[12 // 2 :]])
    direct = ((moved[3:] - moved[:-3]) ** 2).sum(axis=2).mean()
    assert result.diffusion.msd["Cu"][3] == pytest.approx(direct, rel=1e-4)


@cold
def test_production_continues_from_equilibrated_velocities():
    first = md(lattice(quartic=5.0), ensemble="langevin", steps=100, timestep=2)
    hot = first.atoms.get_kinetic_energy()
    assert isinstance(first.atoms.calc, SinglePointCalculator)
    second = md(first.atoms, lattice(quartic=5.0).calc, ensemble="nve", steps=1, timestep=0.01, keep_velocities=True)
    assert second.atoms.get_kinetic_energy() == pytest.approx(hot, rel=1e-3)


def test_few_frames_give_what_they_can():
    result = md(lattice(), ensemble="nve", steps=2, timestep=1, interval=1)
    assert result.diffusion is None
    assert result.spectrum is None
    assert np.isfinite(result.temperature.mean)
    assert np.isnan(result.temperature.error)
    assert result.output is None
    assert str(result.temperature) == f"{result.temperature.mean:.6g}"


def test_forces_without_potential_are_warned_of():
    atoms = lattice()
    atoms.calc.conservative = False
    with pytest.warns(UserWarning, match="poor choice for molecular dynamics: its forces are not the gradient"):
        md(atoms, steps=2)


def test_unknown_setting_is_named():
    with pytest.raises(TypeError, match="'temprature'"):
        md(lattice(), temprature=300)


def test_a_short_run_says_that_it_is_not_equilibrated():
    crystal = bulk("Cu", cubic=True) * (2, 2, 2)
    with pytest.warns(UserWarning, match="mean temperature of 1[0-9][0-9] K where 300 K was asked for: not equilib"):
        result = md(crystal, EMT(), steps=20, timestep=3, interval=1)
    assert len(result.warnings) == 1


def test_steps_to_equilibrate_are_in_no_average(tmp_path):
    result = md(lattice(), ensemble="nve", steps=40, timestep=2, interval=1, equilibrate=15, output=tmp_path)
    table = np.genfromtxt(tmp_path / "thermo.csv", delimiter=",", names=True)
    assert result.temperature.mean == pytest.approx(table["temperature_K"][15:].mean(), rel=1e-9)
    assert len(result.diffusion.lag) == (40 - 15 + 1) // 2


def test_a_gas_diffuses_and_friction_and_ramps_are_told():
    # Atoms that feel nothing but the thermostat: D = kT τ / m.
    gas = Atoms("He32", positions=20 * np.random.default_rng(0).random((32, 3)), cell=[20] * 3, pbc=True)
    gas.calc = Nothing()
    settings = {"ensemble": "langevin", "thermostat_time": 50, "timestep": 2, "steps": 1000, "interval": 5}
    with pytest.warns(UserWarning, match="friction of the langevin thermostat slows diffusion"):
        result = md(gas, **settings)
    expected = units.kB * 300 / gas.get_masses()[0] * 50 * units.fs / units.Angstrom**2
    expected *= 1000 * units.fs * 1e-4  # cm²/s
    assert result.diffusion.coefficient["He"] == pytest.approx(expected, rel=0.3)
    assert result.diffusion.from_velocities["He"] == pytest.approx(expected, rel=0.3)
    ramp = md(gas, temperature=(280, 320), **settings | {"steps": 200})
    assert ramp.diffusion.reason == {"He": "the temperature changes in the course of the run"}
    assert ramp.warnings == ()


class Nothing(Calculator):
    """No forces at all."""

    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}
