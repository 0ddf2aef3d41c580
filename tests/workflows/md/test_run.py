"""Molecular dynamics as a user runs it."""

import json

import numpy as np
import pytest
from ase import Atom, Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read
from ase.md.verlet import VelocityVerlet
from scipy.integrate import trapezoid

from equical.errors import InputError
from equical.workflows.md import md
from tests.workflows.md.lattice import lattice


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
        "trajectory.extxyz", "thermo.csv", "restart.npz", "final.extxyz", "result.json", "thermo.png", "rdf.csv",
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
    assert (result.converged, result.steps, result.time, result.folder) == (True, 240, 0.48, folder)
    assert (stored["converged"], stored["steps"], stored["time"]) == (True, 240, 0.48)
    assert stored["temperature"]["mean"] == result.temperature.mean
    assert stored["diffusion"] == result.diffusion.coefficient
    assert stored["degrees_of_freedom"] == 78
    assert stored["model"]["calculator"] == "Springs"
    assert stored["settings"]["ensemble"] == "npt-iso"
    assert {"equical", "ase"} <= stored["versions"].keys()
    measured = {"time", "temperature", "pressure", "volume", "density", "energy_drift", "diffusion", "wall_time_s"}
    assert measured <= stored["units"].keys() & stored.keys()
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


def test_second_run_into_the_same_folder_is_refused_or_replaces_everything(tmp_path):
    md(lattice(), steps=20, timestep=2, output=tmp_path)
    with pytest.raises(InputError, match="not empty"):
        md(lattice(), steps=20, timestep=2, output=tmp_path)
    md(lattice(), steps=10, timestep=2, seed=2, output=tmp_path, overwrite=True)
    assert [frame.info["step"] for frame in read(tmp_path / "trajectory.extxyz", index=":")] == [0, 5, 10]
    assert len((tmp_path / "thermo.csv").read_text().splitlines()) == 4
    with pytest.raises(InputError, match="either restarted or overwritten"):
        md(lattice(), steps=20, output=tmp_path, restart=True, overwrite=True)
    with pytest.raises(InputError, match="needs the output folder"):
        md(lattice(), steps=20, restart=True)


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
    assert abs(result.diffusion.coefficient["Cu"]) < 1e-7


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
    spectrum = result.spectrum
    assert spectrum.vacf["Ar"][-1] > 0
    thermal = units.kB * result.temperature.mean / gas.get_masses()[0] * (1000 * units.fs) ** 2  # Å²/ps²
    free_path = thermal * trapezoid(spectrum.vacf["Ar"], spectrum.lag) * 1e-4  # cm²/s
    assert spectrum.coefficient["Ar"] == pytest.approx(free_path, rel=0.1)


def test_atoms_that_fly_apart_stop_the_run_at_the_last_good_step(tmp_path):
    atoms = lattice(quartic=5.0)
    atoms.positions[0] += [1.2, 0, 0]
    with pytest.warns(UserWarning) as warned:
        result = md(atoms, ensemble="nve", temperature=300, timestep=25, steps=100, interval=1, output=tmp_path)
    assert "25 fs is long for Cu" in str(warned[0].message)
    assert str(warned[1].message) == f"{result.problem}; the last good step is {tmp_path / 'final.extxyz'}"
    assert not result.converged
    assert result.steps < 20
    assert f"atoms flew apart at step {result.steps + 1} " in result.problem
    assert result.problem.endswith("start from a relaxed structure, or use a shorter time step")
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
    assert ("no longer numbers" if failure == "nan" else "atoms 1 and 2 coincide") in result.problem
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
    assert result.folder is None


def test_forces_without_potential_are_warned_of():
    atoms = lattice()
    atoms.calc.conservative = False
    with pytest.warns(UserWarning, match="poor choice for molecular dynamics: its forces are not the gradient"):
        md(atoms, steps=2)


def test_unknown_setting_is_named():
    with pytest.raises(TypeError, match="'temprature'"):
        md(lattice(), temprature=300)
