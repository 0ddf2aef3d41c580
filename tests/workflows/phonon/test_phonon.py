"""Phonons against phonopy's own driver, an analytic crystal and the harmonic oscillator; resumed after a kill."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import phonopy as phonopy_package
import pytest
import seekpath
import yaml
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms
from scipy.integrate import trapezoid
from scipy.spatial.transform import Rotation

from equical import relax
from equical.errors import InputError
from equical.neighbors.cells import heights
from equical.workflows.phonon.forces import repeats_for_length
from equical.workflows.phonon.modes import ImaginaryMode, plainest_first, worst_first
from equical.workflows.phonon.run import phonon

FAST = {"mesh": 20.0, "temperatures": [0, 100, 300]}
narrow = pytest.mark.filterwarnings("ignore:the supercell ")


def copper_gold():
    """Cu3Au in the L1_2 structure: every position is fixed by symmetry."""
    return Atoms(
        "AuCu3", cell=[3.7] * 3, scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], pbc=True
    )


@narrow
def test_identical_to_phonopys_own_driver():
    crystal = copper_gold()
    result = phonon(crystal, EMT(), supercell=(2, 2, 2), **FAST)

    cell = PhonopyAtoms(
        crystal.get_chemical_symbols(), cell=crystal.cell[:], scaled_positions=crystal.get_scaled_positions()
    )
    driver = Phonopy(cell, np.diag([2, 2, 2]), primitive_matrix="P")
    driver.generate_displacements(distance=0.01)
    driver.forces = [
        EMT().get_forces(Atoms(c.symbols, cell=c.cell, scaled_positions=c.scaled_positions, pbc=True))
        for c in driver.supercells_with_displacements
    ]
    driver.produce_force_constants()
    driver.symmetrize_force_constants()
    driver.auto_band_structure()
    driver.run_mesh(20.0)
    driver.run_total_dos()
    driver.run_thermal_properties(temperatures=[0, 100, 300], cutoff_frequency=1e-3)

    assert result.num_displacements == len(driver.supercells_with_displacements) == 2
    assert result.space_group == "Pm-3m (221)"
    for ours, theirs in zip(result.band_frequencies, driver.band_structure.frequencies, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(result.dos, driver.total_dos.dos, rtol=1e-4, atol=1e-4)  # tetrahedra magnify rounding
    _, free_energy, entropy, heat_capacity = driver.thermal_properties.thermal_properties
    np.testing.assert_allclose(result.thermal.free_energy * 4, free_energy * units.kJ / units.mol, atol=1e-7)
    np.testing.assert_allclose(result.thermal.heat_capacity * 4, heat_capacity, atol=1e-5)
    np.testing.assert_allclose(result.thermal.entropy * 4, entropy, atol=1e-5)
    assert result.converged and not result.imaginary_modes and result.warnings


def lennard_jones():
    """Fcc argon with nearest neighbours alone, at the minimum of the pair potential."""
    sigma, epsilon = 3.4, 0.0104
    crystal = bulk("Ar", "fcc", a=2 ** (1 / 2 + 1 / 6) * sigma)
    return (
        crystal,
        LennardJones(sigma=sigma, epsilon=epsilon, rc=1.3 * sigma),
        72 * epsilon / (2 ** (1 / 6) * sigma) ** 2,
    )


def test_lennard_jones_crystal_along_the_whole_path():
    """D(q) = (k/m) Σ n nᵀ (1 − cos q·R) over the twelve neighbours, with k = φ''."""
    crystal, calculator, stiffness = lennard_jones()
    result = phonon(crystal, calculator, **FAST)
    assert result.supercell == (4, 4, 4)
    bonds = np.array(
        [i * crystal.cell[0] + j * crystal.cell[1] + k * crystal.cell[2] for i, j, k in np.ndindex(3, 3, 3)]
    )
    bonds -= crystal.cell[:].sum(axis=0)
    bonds = bonds[np.isclose(np.linalg.norm(bonds, axis=1), crystal.cell.lengths()[0])]
    assert len(bonds) == 12
    n = bonds / np.linalg.norm(bonds, axis=1)[:, None]
    reciprocal = 2 * np.pi * np.linalg.inv(result.phonopy.primitive.cell).T
    mass = crystal.get_masses()[0]
    for qpoints, frequencies in zip(result.band_qpoints, result.band_frequencies, strict=True):
        weight = 1 - np.cos(np.asarray(qpoints) @ reciprocal @ bonds.T)
        dynamical = stiffness / mass * np.einsum("qb,bi,bj->qij", weight, n, n)
        omega = np.sqrt(np.clip(np.linalg.eigvalsh(dynamical), 0, None))
        terahertz = omega / (2 * np.pi) * units.fs * 1000
        np.testing.assert_allclose(frequencies, terahertz, atol=2e-4)
    assert result.force_constants.residual_force < 1e-8


def test_group_velocity_at_small_q_is_that_of_sound():
    """Of the crystal above C11 = 2 C12 = 2 C44 = 72 ε/σ³: along [100] v = (C/ρ)^½."""
    crystal, calculator, _ = lennard_jones()
    result = phonon(crystal, calculator, supercell=(4, 4, 4), **FAST)
    density = crystal.get_masses()[0] / crystal.get_volume()
    c44 = 36 * 0.0104 / 3.4**3
    transverse, longitudinal = (np.array([c44, 2 * c44]) / density) ** 0.5 * units.m**-1 * units.s
    assert result.band_segments[0] == ("Γ", "X")
    speeds = np.linalg.norm(result.band_velocities[0][1], axis=1)  # a hundredth of the way
    np.testing.assert_allclose(speeds, [transverse, transverse, longitudinal], rtol=1e-3)
    axis = result.band_velocities[0][1, 2] / speeds[2]
    along = result.band_qpoints[0][1] @ np.linalg.inv(result.phonopy.primitive.cell).T
    np.testing.assert_allclose(axis, along / np.linalg.norm(along), atol=1e-3)


@narrow
def test_projections_on_atoms():
    """Their densities of states add up to the whole; displacements equal phonopy's, and those of equipartition."""
    result = phonon(copper_gold(), EMT(), supercell=(2, 2, 2), mesh=20.0, temperatures=[0, 100, 3000])
    atomic = result.atomic
    assert atomic.symbols == ("Au", "Cu", "Cu", "Cu")
    driver = result.phonopy
    driver.run_mesh(20.0, with_eigenvectors=True, is_mesh_symmetry=False)
    ends = {"freq_min": result.dos_frequencies[0], "freq_max": result.dos_frequencies[-1]}
    driver.run_total_dos(**ends, freq_pitch=np.diff(result.dos_frequencies).mean())
    whole = np.interp(result.dos_frequencies, driver.total_dos.frequency_points, driver.total_dos.dos)
    np.testing.assert_allclose(atomic.projected_dos.sum(axis=0), whole, atol=1e-3 * whole.max())
    np.testing.assert_allclose(sum(atomic.species_dos.values()), atomic.projected_dos.sum(axis=0), atol=1e-12)
    states = trapezoid(atomic.projected_dos, result.dos_frequencies, axis=1)
    np.testing.assert_allclose(states, 3, rtol=0.1)  # a coarse mesh

    squares = atomic.mean_square_displacements
    driver.run_thermal_displacements(temperatures=[0, 100, 3000], freq_min=1e-3)
    theirs = driver.thermal_displacements.thermal_displacements.reshape(3, 4, 3).sum(axis=2)
    np.testing.assert_allclose(squares, theirs, rtol=1e-4)
    mesh = driver.mesh
    stiffness = (2 * np.pi * mesh.frequencies / (units.fs * 1000)) ** 2
    classical = np.where(mesh.frequencies > 1e-3, units.kB * 3000 / np.maximum(stiffness, 1e-9), 0).sum()
    masses = result.phonopy.primitive.masses
    assert (squares[2] * masses).sum() == pytest.approx(classical / len(stiffness), rel=1e-3)
    assert (np.diff(squares, axis=0) > 0).all()
    assert squares[0, 1] > squares[0, 0]  # gold is heavier, and equivalent atoms move alike
    np.testing.assert_allclose(squares[:, 2:], squares[:, [1, 1]], rtol=1e-9)


def test_thermal_properties_are_those_of_harmonic_oscillators_per_atom():
    crystal, calculator, _ = lennard_jones()
    result = phonon(crystal, calculator, supercell=(4, 4, 4), mesh=20.0, temperatures=[0, 20, 3000])
    mesh = result.phonopy.mesh
    quantum = mesh.frequencies[:, :] * 4.135667696e-3  # eV
    weights = np.repeat(mesh.weights[:, None] / mesh.weights.sum(), 3, axis=1)[quantum > 1e-6]
    quantum = quantum[quantum > 1e-6]
    x = quantum / (units.kB * 20)
    free = (weights * (quantum / 2 + units.kB * 20 * np.log(1 - np.exp(-x)))).sum()
    heat = (weights * x**2 * np.exp(x) / (np.exp(x) - 1) ** 2).sum() * 8.31446
    entropy = (weights * (x / (np.exp(x) - 1) - np.log(1 - np.exp(-x)))).sum() * 8.31446
    thermal = result.thermal
    assert thermal.free_energy[0] == pytest.approx((weights * quantum / 2).sum(), rel=1e-6)
    assert thermal.zero_point_energy == pytest.approx(thermal.free_energy[0], rel=1e-6)
    assert thermal.free_energy[1] == pytest.approx(free, rel=1e-5)
    assert thermal.heat_capacity[1] == pytest.approx(heat, rel=1e-5)
    assert thermal.entropy[1] == pytest.approx(entropy, rel=1e-5)
    assert thermal.heat_capacity[2] == pytest.approx(3 * 8.31446, rel=1e-2)
    assert thermal.left_out < 1e-2


@narrow
def test_labels_are_right_in_a_cell_that_is_not_seekpaths_own():
    """The same crystal, turned, in other primitive vectors: X is still X."""
    standard = phonon(bulk("Cu"), EMT(), supercell=(3, 3, 3), **FAST)
    turn = Rotation.from_euler("xyz", [20, 50, 110], degrees=True).as_matrix()
    odd = bulk("Cu")
    odd.set_cell(np.array([[1, 1, 0], [0, 1, 0], [1, 2, 1]]) @ odd.cell[:] @ turn.T)
    other = phonon(odd, EMT(), supercell=np.array([3, 3, 3]), **FAST)
    assert other.band_segments == standard.band_segments == [
        ("Γ", "X"), ("X", "U"), ("K", "Γ"), ("Γ", "L"), ("L", "W"), ("W", "X"),
    ]  # fmt: skip
    for ours, theirs in zip(other.band_frequencies, standard.band_frequencies, strict=True):
        np.testing.assert_allclose(ours[[0, -1]], theirs[[0, -1]], atol=1e-3)


@narrow
@pytest.mark.filterwarnings("ignore:imaginary modes", "ignore:thermal properties leave out")
def test_labels_are_right_in_a_triclinic_crystal():
    """Where phonopy's primitive cell is not seekpath's, labels of one do not fit coordinates of the other."""
    crystal = bulk("Cu")
    crystal.set_cell(
        crystal.cell[:] @ (np.eye(3) + np.array([[0.1, 0.02, -0.03], [0.02, 0, 0.06], [-0.03, 0.06, -0.05]]))
    )
    result = phonon(crystal, EMT(), supercell=(2, 2, 2), **FAST)
    assert result.space_group == "P-1 (2)"
    path = seekpath.get_path(result.phonopy.primitive.totuple(), symprec=1e-4)
    distance = {
        name.replace("GAMMA", "Γ"): np.linalg.norm(np.array(q) @ path["reciprocal_primitive_lattice"])
        for name, q in path["point_coords"].items()
    }
    reciprocal = 2 * np.pi * np.linalg.inv(result.phonopy.primitive.cell).T
    for names, qpoints in zip(result.band_segments, result.band_qpoints, strict=True):
        ends = np.linalg.norm(qpoints[[0, -1]] @ reciprocal, axis=1)
        np.testing.assert_allclose(ends, [distance[name] for name in names], atol=1e-10)


@narrow
def test_phonopys_tools_go_on_from_the_files(tmp_path, monkeypatch, capsys):
    result = phonon(bulk("Cu", cubic=True), EMT(), supercell=(2, 2, 2), output=tmp_path, **FAST)
    again = phonopy_package.load(tmp_path / "phonopy.yaml")
    path = [result.band_qpoints[0]]
    again.run_band_structure(path)
    np.testing.assert_allclose(again.band_structure.frequencies[0], result.band_frequencies[0], atol=1e-6)
    assert len(again.dataset["first_atoms"][0]["forces"]) == 32
    from_file = phonopy_package.load(
        tmp_path / "phonopy.yaml", force_constants_filename=tmp_path / "force_constants.hdf5"
    )
    np.testing.assert_allclose(from_file.force_constants, result.phonopy.force_constants, atol=1e-10)
    (tool,) = entry_points(group="console_scripts", name="phonopy-load")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["phonopy-load", "phonopy.yaml", "--mesh", "3", "3", "3"])
    for source in ("phonopy.yaml", "force_constants.hdf5"):  # the tool overwrites the former with its summary
        with warnings.catch_warnings(), suppress(SystemExit):
            warnings.simplefilter("ignore")
            tool.load()()
        assert f'Force constants were read from "{source}"' in capsys.readouterr().out
    frequencies = yaml.safe_load((tmp_path / "mesh.yaml").read_text())["phonon"][0]["band"]
    assert frequencies[0]["frequency"] == pytest.approx(0, abs=1e-4)


@narrow
@pytest.mark.drawn
def test_files(tmp_path):
    result = phonon(copper_gold(), EMT(), supercell=(1, 1, 2), output=tmp_path, **FAST)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["converged"] is True
    assert written["supercell"] == [1, 1, 2]
    assert written["space_group"] == "Pm-3m (221)"  # of the crystal; that of the supercell is lower
    assert any("lower symmetry than the crystal" in note for note in written["warnings"])
    assert written["units"]["free_energy"] == "eV per atom"
    assert written["free_energy"] == result.thermal.free_energy.tolist()
    assert written["max_frequency"] == max(f.max() for f in result.band_frequencies)
    table = np.loadtxt(tmp_path / "thermal.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 3], result.thermal.heat_capacity)
    squares = np.loadtxt(tmp_path / "displacements.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(squares[:, 1:], result.atomic.mean_square_displacements)
    assert written["mean_square_displacements"] == result.atomic.mean_square_displacements.tolist()
    assert np.loadtxt(tmp_path / "projected_dos.dat").shape == (len(result.dos), 5)
    assert "group_velocity" in yaml.safe_load((tmp_path / "band.yaml").read_text())["phonon"][0]["band"][0]
    assert (tmp_path / "displacements.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "group_velocities.png").read_bytes().startswith(b"\x89PNG")
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"band.yaml", "total_dos.dat", "thermal_properties.yaml", "structure.extxyz", "bands_dos.png"}
    assert not any(name.startswith(".") for name in names)
    assert (tmp_path / "thermal.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="not empty"):
        phonon(copper_gold(), EMT(), supercell=(1, 1, 2), output=tmp_path, **FAST)


class Stopping(EMT):
    """EMT that counts, and waits to be killed in the calculation that it is told to."""

    count, last = 0, None

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.count += 1
        if self.count == self.last:
            time.sleep(600)


RUN_THAT_STOPS = """
    import sys
    from equical.workflows.phonon.run import phonon
    from tests.workflows.phonon.test_phonon import FAST, Stopping, copper_gold

    Stopping.last = 4
    phonon(copper_gold(), Stopping(), supercell=(1, 1, 2), output=sys.argv[1], **FAST)
"""


@narrow
def test_a_killed_run_goes_on(tmp_path):
    script, folder = tmp_path / "run.py", tmp_path / "phonon"
    script.write_text(textwrap.dedent(RUN_THAT_STOPS))
    root = Path(__file__).parents[3]
    command = [sys.executable, "-W", "ignore", script, folder]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(root)}) as killed:
        while not (folder / "forces" / "0001.npz").exists():
            assert killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(path.name for path in (folder / "forces").iterdir()) == ["0001.npz", "at-rest.npz", "unit-cell.npz"]
    assert not (folder / "result.json").exists()

    calculator = Stopping()
    phonon(copper_gold(), calculator, supercell=(1, 1, 2), output=folder, resume=True, **FAST)
    whole = phonon(copper_gold(), Stopping(), supercell=(1, 1, 2), **FAST)
    assert calculator.count == whole.num_displacements - 1
    written = json.loads((folder / "result.json").read_text())
    assert written["num_reused"] == 3
    assert written["free_energy"] == pytest.approx(whole.thermal.free_energy, rel=1e-9)
    assert written["max_frequency"] == pytest.approx(max(f.max() for f in whole.band_frequencies), rel=1e-9)


@narrow
def test_resume_refuses_what_does_not_belong(tmp_path):
    def run(crystal, calculator, **settings):
        return phonon(crystal, calculator, output=tmp_path, resume=True, supercell=(1, 1, 1), **FAST | settings)

    done = run(copper_gold(), EMT())
    assert run(copper_gold(), EMT()).num_reused == done.num_displacements + 2
    other = copper_gold()
    other.set_cell([3.8] * 3, scale_atoms=True)
    for crystal, calculator, settings in [
        (other, EMT(), {}),
        (copper_gold(), EMT(asap_cutoff=True), {}),
        (copper_gold(), EMT(), {"displacement": 0.02}),
    ]:
        with pytest.raises(InputError, match="another structure, model or setting|displacement was 0.01"):
            run(crystal, calculator, **settings)


def shaken_copper():
    """Two atoms of a hexagonal crystal, pushed towards each other."""
    atoms = bulk("Cu", "hcp", a=2.55, c=4.2)
    atoms.positions[1] += [0.05, 0.02, 0.03]
    return atoms


@narrow
@pytest.mark.filterwarnings("ignore:imaginary modes", "ignore:thermal properties leave out", "ignore:the crystal is")
def test_forces_are_refused_relaxed_or_insisted_on(tmp_path):
    atoms = shaken_copper()
    before = atoms.positions.copy()
    with pytest.raises(InputError, match=r"largest force is 0\.\d+ eV/Å.*--relax-first.*--force"):
        phonon(atoms, EMT(), supercell=(1, 1, 1), output=tmp_path / "out", **FAST)
    assert not (tmp_path / "out").exists()
    relaxed = phonon(atoms, EMT(), supercell=(1, 1, 1), relax_first=True, output=tmp_path / "out", **FAST)
    assert relaxed.converged and relaxed.max_force < 1e-3
    np.testing.assert_array_equal(relaxed.structure.cell[:], atoms.cell[:])
    np.testing.assert_array_equal(atoms.positions, before)
    with pytest.warns(UserWarning, match="phonons need a structure relaxed"):
        forced = phonon(atoms, EMT(), supercell=(1, 1, 1), force=True, **FAST)
    assert not forced.converged
    assert forced.force_constants.residual_force > 0.1


@narrow
def test_the_force_at_rest_is_subtracted():
    """A uniform force on every atom changes nothing."""

    class Wind(EMT):
        def calculate(self, *args, **kwargs):
            super().calculate(*args, **kwargs)
            self.results["forces"] = self.results["forces"] + [0.3, 0.2, 0.1]

    calm = phonon(bulk("Cu"), EMT(), supercell=(2, 2, 2), **FAST)
    with pytest.warns(UserWarning, match="phonons need a structure relaxed"):
        windy = phonon(bulk("Cu"), Wind(), supercell=(2, 2, 2), force=True, **FAST)
    for ours, theirs in zip(windy.band_frequencies, calm.band_frequencies, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@narrow
def test_the_acoustic_sum_rule_is_imposed_and_its_violation_reported():
    """Springs to fixed points make a shift of the whole crystal cost energy."""

    class Pinned(EMT):
        def calculate(self, atoms=None, *args, **kwargs):
            super().calculate(atoms, *args, **kwargs)
            nearest = atoms.positions - np.rint(atoms.positions / 1.805) * 1.805
            self.results["forces"] = self.results["forces"] - 0.5 * nearest

    with pytest.warns(UserWarning, match=r"broke the acoustic sum rule by 0\.5 eV/Å²"):
        result = phonon(bulk("Cu", a=3.61), Pinned(), supercell=(3, 3, 3), **FAST)
    assert result.force_constants.sum_rule_violation == pytest.approx(0.5, rel=1e-3)
    at_gamma = result.band_frequencies[0][0]
    np.testing.assert_allclose(at_gamma, 0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:thermal properties leave out")
@pytest.mark.drawn
def test_imaginary_modes_are_reported_with_their_wave_vector(tmp_path):
    with pytest.warns(UserWarning, match=r"imaginary modes, down to -1\.\d+ THz at q = \(.*0\.5.*\), band 1"):
        result = phonon(bulk("Cu", "bcc", a=2.9), EMT(), supercell=(4, 4, 4), output=tmp_path, **FAST)
    worst = result.imaginary_modes[0]
    assert (worst.where, worst.band) == ("supercell", 1)
    assert worst.q == (0, 0, 0.5)  # N of the body-centred lattice, one of six
    assert {mode.where for mode in result.imaginary_modes} >= {"supercell", "mesh", "H–N"}
    assert result.converged
    assert 0 < result.thermal.left_out < 0.1
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["stable"] is False
    assert written["imaginary_modes"][0]["q"] == list(worst.q)


def test_of_equivalent_wave_vectors_the_plainest_comes_first():
    star_of_n = np.array([[0, 0.5, 0.5], [-0.5, 0, 0], [0, 0.5, 0], [0.5, 0.5, 0], [1, 0, -0.5], [0.5, 0, 0.5]])
    inside = np.array([[0.75, 0, 0], [0, 0, 0.25], [0, 0, -0.25]])
    points, order = plainest_first(np.concatenate([star_of_n, inside]) + 1e-12)
    np.testing.assert_array_equal(points[:3], [[0, 0, 0.25], [-0.25, 0, 0], [0, 0, -0.25]])
    assert order[:3].tolist() == [7, 6, 8]
    np.testing.assert_array_equal(points[3:6], [[0, 0, 0.5], [0, 0.5, 0], [0.5, 0, 0]])


def test_equally_imaginary_modes_keep_their_order():
    exact, path, deeper = (
        ImaginaryMode(frequency, (0.0, 0.0, 0.5), 1, where)
        for frequency, where in [(-1.0, "supercell"), (-1.0 - 1e-9, "H–N"), (-1.1, "mesh")]
    )
    assert worst_first([exact, path, deeper]) == [deeper, exact, path]
    assert worst_first([]) == []


def test_supercells():
    cell = bulk("Cu").cell[:]
    assert repeats_for_length(cell, 10.0) == (5, 5, 5)
    np.testing.assert_allclose(heights(cell), 3.61 / 3**0.5)
    assert repeats_for_length(np.diag([2.5, 5.0, 11.0]), 10.0) == (4, 2, 1)
    assert repeats_for_length((10 / 3 - 1e-9) * np.eye(3), 10.0) == (3, 3, 3)  # rounding adds no atoms
    with pytest.warns(UserWarning, match=r"only 4\.2 Å wide"):
        result = phonon(bulk("Cu"), EMT(), supercell=(2, 2, 2), **FAST)
    assert result.supercell_width == pytest.approx(2 * 3.61 / 3**0.5)


@narrow
def test_a_left_handed_cell_and_unwrapped_positions_change_nothing():
    crystal = copper_gold()
    usual = phonon(crystal, EMT(), supercell=(2, 2, 2), **FAST)
    crystal.set_cell(crystal.cell[:][[1, 0, 2]])
    crystal.positions[2] += 3 * crystal.cell[0] - crystal.cell[2]
    assert crystal.cell.handedness == -1
    odd = phonon(crystal, EMT(), supercell=(2, 2, 2), **FAST)
    np.testing.assert_allclose(odd.thermal.free_energy, usual.thermal.free_energy, atol=1e-8)
    assert odd.space_group == usual.space_group


@narrow
def test_isotopes_count():
    heavy = bulk("Cu")
    heavy.set_masses([4 * heavy.get_masses()[0]])
    usual, slow = (phonon(atoms, EMT(), supercell=(2, 2, 2), **FAST) for atoms in (bulk("Cu"), heavy))
    np.testing.assert_allclose(2 * slow.band_frequencies[0], usual.band_frequencies[0], atol=1e-6)


class Broken(EMT):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        if len(self.results["forces"]) > 1:
            self.results["forces"] = np.full_like(self.results["forces"], np.nan)


@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (molecule("H2O"), {}, "periodic in three directions"),
        (bulk("Cu"), {"supercell": (2, 2)}, "three numbers of repeats"),
        (bulk("Cu"), {"supercell": (2, 2, 0)}, "three numbers of repeats"),
        (bulk("Cu"), {"supercell": -3}, "a length in Å such as 10"),
        (bulk("Cu"), {"displacement": 1.0}, "harmonic range"),
        (bulk("Cu"), {"mesh": 0}, "longer is denser"),
        (bulk("Cu"), {"temperatures": [-10, 300]}, "none of them negative"),
        (bulk("Cu", cubic=True), {}, "not numbers"),
        (bulk("Cu"), {"supercell": (2, 2, 2)}, "not numbers for supercell at-rest"),
    ],
)
def test_bad_input(atoms, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        phonon(atoms, Broken(), **{"output": tmp_path / "out"} | FAST | settings)


def test_missing_seekpath_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "seekpath", None)
    with pytest.raises(InputError, match="pip install seekpath"):
        phonon(bulk("Cu"), EMT(), supercell=8.0, **FAST)


def test_constraints_are_left_out_and_missing_gradients_warned_of():
    atoms = bulk("Cu")
    atoms.set_constraint(FixAtoms([0]))
    calculator = EMT()
    calculator.conservative = False
    with (
        pytest.warns(UserWarning, match="constraints are left out: a phonon calculation moves all atoms"),
        pytest.warns(UserWarning, match="poor choice for a phonon calculation: its forces are not the gradient"),
    ):
        phonon(atoms, calculator, supercell=8.0, **FAST)


@narrow
@pytest.mark.filterwarnings("ignore:imaginary modes", "ignore:thermal properties leave out")
def test_isotopes_are_told_apart_whatever_their_order():
    """One atom in four of the cubic cell is lighter: no primitive cell may join it with the others."""
    crystal = relax(bulk("Cu", cubic=True), EMT(), cell="free", fmax=1e-5, smax=1e-3).atoms
    zero_point = []
    for masses in ([60.0, 66.0, 66.0, 66.0], [66.0, 66.0, 60.0, 66.0], [60.0] * 4, [66.0] * 4):
        crystal.set_masses(masses)
        result = phonon(crystal, EMT(), supercell=(2, 2, 2), **FAST)
        assert sorted(set(result.phonopy.primitive.masses.tolist())) == sorted(set(masses))
        zero_point.append(result.thermal.zero_point_energy)
    mixed, reordered, light, heavy = zero_point
    assert mixed == pytest.approx(reordered, rel=1e-4)
    assert heavy < mixed < light
    assert light / heavy == pytest.approx((66 / 60) ** 0.5, rel=1e-3)


@narrow
def test_a_symmetry_that_is_nearly_there_is_pointed_out():
    strained = bulk("Cu", a=3.6)
    strained.set_cell(strained.cell[:] @ np.diag([1.0005, 1, 0.9995]), scale_atoms=True)
    with pytest.warns(UserWarning, match=r"is Fm-3m \(225\) to within 0.01 Å, and only Fmmm \(69\) to within 0.0001 Å"):
        result = phonon(strained, EMT(), supercell=(2, 2, 2), mesh=5.0, force=True)
    assert result.space_group == "Fmmm (69)"
