"""The quasi-harmonic approximation against an analytic crystal, the Einstein solid and phonopy's own driver."""

import json
import warnings

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.neighborlist import neighbor_list
from phonopy import Phonopy, PhonopyQHA
from phonopy.structure.atoms import PhonopyAtoms

from equical import phonon
from equical.errors import InputError
from equical.workflows.phonon.modes import ThermalProperties
from equical.workflows.qha.equilibrium import FORMS, find_equilibrium, with_neighbors
from equical.workflows.qha.run import qha

SMALL = {"supercell": (2, 2, 2), "mesh": 10.0, "num_volumes": 5, "temperatures": [0, 100, 300]}
narrow = pytest.mark.filterwarnings("ignore:the supercell is only")

EPSILON, SIGMA, POWER = 0.1, 2.6, 12
"""eV, Å and the exponent of the power law below."""


class PowerLaw(Calculator):
    """Nearest neighbours of an fcc crystal repel as ε (σ/r)^n; an energy that depends on the volume alone holds them.

    All squares of frequencies are as r^−(n+2), so every mode has the Grüneisen parameter γ = (n + 2)/6, at all volumes.
    The crystal is at rest where neighbours are σ apart.
    """

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        atoms, volume = self.atoms, self.atoms.get_volume() / len(self.atoms)
        i, d, bonds = neighbor_list("idD", atoms, 1.2 * SIGMA)
        energies = EPSILON * (SIGMA / d) ** POWER
        pulls = -POWER * energies / d**2  # φ'(r)/r
        held = -2 * POWER * EPSILON * SIGMA**3 / 2**0.5 / volume
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, pulls[:, None] * bonds)
        stress = np.einsum("b,bi,bj->ij", pulls, bonds, bonds) / 2 / atoms.get_volume() - held / volume * np.eye(3)
        self.results = {
            "energy": energies.sum() / 2 + held * len(atoms),
            "forces": forces,
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }


GAMMA = (POWER + 2) / 6


@pytest.fixture(scope="module")
def power_law():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return qha(bulk("Cu", a=3.6), PowerLaw(), **SMALL | {"num_volumes": 7, "supercell": (3, 3, 3)})


def test_all_modes_of_one_grueneisen_parameter(power_law):
    """γ = V α B / C_V whatever the temperature, and C_P/C_V = 1 + α γ T."""
    found, kelvin = power_law.equilibrium, power_law.temperatures
    np.testing.assert_allclose(found.gruneisen[1:], GAMMA, rtol=2e-3)
    ratio = found.heat_capacity_p[1:] / found.heat_capacity_v[1:]
    np.testing.assert_allclose(ratio, 1 + found.thermal_expansion[1:] * GAMMA * kelvin[1:], rtol=1e-4)
    assert found.thermal_expansion[0] == found.heat_capacity_p[0] == 0
    assert power_law.converged and power_law.space_group == "Fm-3m (225)"
    assert power_law.structures[0].get_volume() == pytest.approx(0.97 * SIGMA**3 / 2**0.5, rel=1e-4)


@narrow
@pytest.mark.parametrize("index", [0, 2])
def test_pressure_of_the_vibrations_is_that_of_the_lattice(power_law, index):
    """E'(V) = γ U_vib/V at the volume found, with U_vib of phonons computed there."""
    volume, kelvin = power_law.equilibrium.volume[index], power_law.temperatures[index]
    crystal = bulk("Cu", a=(4 * volume) ** (1 / 3))
    thermal = phonon(crystal, PowerLaw(), supercell=(3, 3, 3), mesh=10.0, temperatures=[kelvin]).thermal
    inner = thermal.free_energy[0] + kelvin * thermal.entropy[0] * units.J / units.mol
    slope = PowerLaw().get_stress(crystal)[:3].mean()
    bulk_modulus = power_law.equilibrium.bulk_modulus[index] * units.GPa
    assert slope == pytest.approx(GAMMA * inner / volume, abs=1e-4 * bulk_modulus)
    assert power_law.equilibrium.gibbs_energy[index] == pytest.approx(
        PowerLaw().get_potential_energy(crystal) + thermal.free_energy[0], abs=1e-5
    )
    assert thermal.heat_capacity[0] == pytest.approx(power_law.equilibrium.heat_capacity_v[index], abs=0.01)


@narrow
def test_identical_to_phonopys_own_driver():
    result = qha(bulk("Cu"), EMT(), **SMALL)
    kelvin = np.arange(0, 311, 5.0)
    free, entropy, heat = [], [], []
    for atoms in result.structures:
        cell = PhonopyAtoms(atoms.symbols, cell=atoms.cell[:], scaled_positions=atoms.get_scaled_positions())
        driver = Phonopy(cell, np.diag([2, 2, 2]), primitive_matrix="P")
        driver.generate_displacements(distance=0.01)
        driver.forces = [
            EMT().get_forces(Atoms(c.symbols, cell=c.cell, scaled_positions=c.scaled_positions, pbc=True))
            for c in driver.supercells_with_displacements
        ]
        driver.produce_force_constants()
        driver.symmetrize_force_constants()
        driver.run_mesh(10.0)
        driver.run_thermal_properties(temperatures=kelvin, cutoff_frequency=1e-3)
        _, *found = driver.thermal_properties.thermal_properties
        for values, value in zip((free, entropy, heat), found, strict=True):
            values.append(value)
    energies = [atoms.get_potential_energy() for atoms in result.structures]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = PhonopyQHA(
            volumes=[atoms.get_volume() for atoms in result.structures], electronic_energies=energies,
            temperatures=kelvin, free_energy=np.transpose(free), entropy=np.transpose(entropy), cv=np.transpose(heat),
        )  # fmt: skip
    at, ours = [0, 20, 60], result.equilibrium
    np.testing.assert_allclose(ours.volume, np.asarray(theirs.volume_temperature)[at], rtol=1e-6)
    np.testing.assert_allclose(ours.thermal_expansion, np.asarray(theirs.thermal_expansion)[at], atol=1e-8)
    np.testing.assert_allclose(ours.bulk_modulus, np.asarray(theirs.bulk_modulus_temperature)[at], rtol=1e-4)
    np.testing.assert_allclose(ours.gibbs_energy, np.asarray(theirs.gibbs_temperature)[at], atol=1e-6)
    np.testing.assert_allclose(ours.heat_capacity_p, np.asarray(theirs.heat_capacity_P_polyfit)[at], atol=1e-3)
    np.testing.assert_allclose(ours.gruneisen, np.asarray(theirs.gruneisen_temperature)[at], atol=1e-3)
    np.testing.assert_allclose(result.helmholtz, np.asarray(theirs.helmholtz_volume)[at], atol=1e-6)


def einstein(volume, kelvin, gamma=2.0):
    """Einstein's solid, its quantum 30 meV at 10 Å³ and as V^−γ, as :class:`ThermalProperties` per atom."""
    quantum = 0.03 * (volume / 10) ** -gamma
    warm = kelvin[kelvin > 0]
    x, cold = quantum / (units.kB * warm), np.zeros(len(kelvin) - len(warm))
    molar = units.kB * units.mol / units.J
    free = 3 * (quantum / 2 + units.kB * warm * np.log1p(-np.exp(-x)))
    entropy = 3 * molar * (x / np.expm1(x) - np.log1p(-np.exp(-x)))
    heat = 3 * molar * x**2 * np.exp(x) / np.expm1(x) ** 2
    return ThermalProperties(
        temperatures=kelvin,
        free_energy=np.append(cold + 1.5 * quantum, free),
        entropy=np.append(cold, entropy),
        heat_capacity=np.append(cold, heat),
        zero_point_energy=1.5 * quantum,
        left_out=0.0,
    )


def harmonic_energies(volumes):
    """A bulk modulus of 1 eV/Å³ at 10 Å³, and energies as large as those of electronic structure codes."""
    return -5000 + (volumes - 10) ** 2 / 20


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pressure", [0.0, 2.0])
def test_einstein_solid_under_pressure(form, pressure):
    """p = −E'(V) + γ U/V, and G is the minimum itself."""
    volumes, temperatures = np.linspace(9.5, 10.9, 9), [0.0, 200.0, 400.0]
    kelvin = with_neighbors(temperatures)
    found = find_equilibrium(
        volumes, harmonic_energies(volumes), [einstein(v, kelvin) for v in volumes],
        temperatures=temperatures, form=form, pressure=pressure,
    )  # fmt: skip
    for index, temperature in enumerate(temperatures):
        volume = found.volume[index]
        there = einstein(volume, np.array([temperature]))
        inner = there.free_energy[0] + temperature * there.entropy[0] * units.J / units.mol
        balance = -(volume - 10) / 10 + 2 * inner / volume
        assert balance / units.GPa == pytest.approx(pressure, abs=0.2)
        gibbs = harmonic_energies(volume) + there.free_energy[0] + pressure * units.GPa * volume
        assert found.gibbs_energy[index] == pytest.approx(gibbs, abs=1e-4)
        assert found.heat_capacity_v[index] == pytest.approx(there.heat_capacity[0], abs=0.05)
    np.testing.assert_allclose(found.gruneisen[1:], 2.0, rtol=0.02)


@pytest.mark.parametrize(("center", "end"), [(9.0, "smallest"), (11.5, "largest")])
def test_volumes_that_do_not_bracket_the_minimum_are_refused(center, end):
    volumes, kelvin = np.linspace(9.5, 10.9, 9), with_neighbors([0.0, 300.0])
    with pytest.raises(InputError, match=f"do not bracket the minimum of the free energy at 0 K.*at the {end} of them"):
        find_equilibrium(
            volumes, (volumes - center) ** 2 / 20, [einstein(v, kelvin) for v in volumes],
            temperatures=[0.0, 300.0], form="vinet", pressure=0.0,
        )  # fmt: skip


@pytest.mark.parametrize(("jump", "culprit"), [(-0.005, "energies at rest"), (0.0, "frequencies")])
def test_a_jump_on_the_way_is_refused_and_its_cause_named(jump, culprit):
    volumes, kelvin = np.linspace(9.5, 10.9, 9), with_neighbors([0.0, 300.0])
    energies = harmonic_energies(volumes) + np.where(volumes > 10.3, jump, 0)
    vibrations = [einstein(v + (jump == 0) * 0.3 * (v > 10.3), kelvin) for v in volumes]
    with pytest.raises(InputError, match=f"scatters about the vinet equation of state by .*: {culprit} do not change"):
        find_equilibrium(volumes, energies, vibrations, temperatures=[0.0, 300.0], form="vinet", pressure=0.0)


class Counted(EMT):
    """EMT that counts its calculations."""

    count = 0

    def calculate(self, *args, **keywords):
        super().calculate(*args, **keywords)
        self.count += 1


@narrow
def test_a_refused_run_goes_on_with_other_volumes_or_temperatures(tmp_path):
    hot = SMALL | {"volume_range": (0.98, 1.04), "num_volumes": 7, "temperatures": [0, 100, 1000], "output": tmp_path}
    with pytest.raises(InputError, match=r"minimum of the free energy at (995|1000) K, which .* the largest of them"):
        qha(bulk("Cu"), Counted(), **hot)
    assert not (tmp_path / "result.json").exists()
    assert len(list(tmp_path.glob("forces/*/*.npz"))) == 14

    calculator = Counted()
    cold = qha(bulk("Cu"), calculator, resume=True, **hot | {"temperatures": [0, 100]})
    assert calculator.count == 0
    assert cold.num_reused == 1 + 7 + 14

    (tmp_path / "forces" / "1.0100" / "0001.npz").unlink()
    wider = qha(bulk("Cu"), calculator, resume=True, **hot | {"volume_range": (0.98, 1.10), "num_volumes": 13})
    assert wider.num_reused == 1 + 7 + 13
    np.testing.assert_array_equal(wider.energies[:7], cold.energies)
    with pytest.raises(InputError, match="displacement was 0.01"):
        qha(bulk("Cu"), calculator, resume=True, **hot | {"displacement": 0.02})


@narrow
def test_imaginary_modes_are_refused_at_the_first_volume(tmp_path):
    calculator = Counted()
    message = r"^imaginary modes at 1.09 of the relaxed volume, down to -\d.* band 1: "
    with pytest.raises(InputError, match=message) as refused:
        qha(bulk("Cu", "bcc", a=2.9), calculator, output=tmp_path, **SMALL)
    assert "\n" not in str(refused.value)
    assert [path.name for path in (tmp_path / "forces").iterdir()] == ["1.0900"]


@narrow
@pytest.mark.drawn
def test_files_and_the_relaxations(tmp_path):
    """A hexagonal crystal, off its c/a: the shape is relaxed at each volume."""
    crystal = bulk("Cu", "hcp", a=2.5, c=4.3)
    result = qha(crystal, EMT(), output=tmp_path, **SMALL | {"supercell": (2, 2, 1)})
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["thermal_expansion"] == result.equilibrium.thermal_expansion.tolist()
    assert written["space_group"] == "P6_3/mmc (194)"
    for atoms, volume in zip(result.structures, result.volumes, strict=True):
        atoms.calc = EMT()
        stress = atoms.get_stress() / units.GPa
        assert np.ptp(stress[:3]) < 0.05
        assert atoms.get_volume() == pytest.approx(2 * volume)
        assert abs(atoms.cell.lengths()[2] / atoms.cell.lengths()[0] - 4.3 / 2.5) > 0.01
    table = np.loadtxt(tmp_path / "qha.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 3], result.equilibrium.bulk_modulus)
    free = np.loadtxt(tmp_path / "helmholtz.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(free[:, 1:], result.helmholtz)
    static = np.loadtxt(tmp_path / "volumes.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(static[:, 2], result.energies)
    for name in ("qha.png", "helmholtz.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


class Stiff(EMT):
    """Forces that no relaxation gets rid of."""

    def calculate(self, *args, **keywords):
        super().calculate(*args, **keywords)
        self.results["forces"] = self.results["forces"] + [[0.1, 0, 0], [-0.1, 0, 0]][: len(self.results["forces"])]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (molecule("H2O"), {}, "periodic in three directions"),
        (bulk("Cu"), {"num_volumes": 4}, "4 volumes are too few"),
        (bulk("Cu"), {"volume_range": (1.1, 0.9)}, "give the smallest and the largest volume"),
        (bulk("Cu"), {"volume_range": (-0.03, 0.09)}, "relative to that of the relaxed crystal, such as 0.97 1.09"),
        (bulk("Cu"), {"form": "birch"}, "form must be one of vinet, birchmurnaghan, murnaghan"),
        (bulk("Cu"), {"pressure": np.inf}, "pressure must be a finite number"),
        (bulk("Cu"), {"temperatures": [300, 100]}, "temperatures must ascend"),
        (bulk("Cu"), {"temperatures": [-1]}, "none of them negative"),
        (bulk("Cu"), {"supercell": 0}, "a length in Å such as 10"),
        (
            bulk("Cu", "hcp", a=2.55),
            {},
            "not be relaxed at 1.09 of the relaxed volume: the largest force is",
        ),
    ],
)
def test_bad_input(atoms, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        qha(atoms, Stiff(), **SMALL | settings)


def test_derivatives_have_neighbors_whatever_temperatures_are_asked_for():
    np.testing.assert_allclose(with_neighbors([2.0, 300.0]), [0, 2, 7, 295, 300, 305])
    np.testing.assert_allclose(with_neighbors([0.0, 0.1 + 0.2]), [0, 0.3, 5, 5.3])
