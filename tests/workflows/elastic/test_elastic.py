"""Elastic constants against analytic crystals, second derivatives of the energy and published values."""

import json
import re

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.calculators.tersoff import Tersoff, TersoffParameters
from scipy.spatial.transform import Rotation

from equical.errors import InputError
from equical.workflows.elastic.plots import young_modulus
from equical.workflows.elastic.run import check_reference, elastic
from equical.workflows.elastic.settings import ElasticSettings
from equical.workflows.elastic.strain_dependence import compare
from equical.workflows.elastic.tensor import (
    crystal_symmetry,
    elastic_moduli,
    fit_slopes,
    kelvin_moduli,
    rotate_stiffness,
    symmetrize_stiffness,
)

COPPER = 3.5898945
"""Å. Lattice constant of copper in EMT."""


def cubic(c11, c12, c44):
    stiffness = np.diag([c11, c11, c11, c44, c44, c44]).astype(float)
    stiffness[:3, :3] += c12 * (1 - np.eye(3))
    return stiffness


@pytest.fixture(scope="module")
def copper():
    return elastic(bulk("Cu", a=3.6), EMT())


def test_lennard_jones_crystal():
    """With nearest neighbours alone, C11 = 72 ε/σ³ and C12 = C44 = 36 ε/σ³ at the minimum of the pair potential."""
    sigma, epsilon = 2.3, 0.2
    crystal = bulk("Ar", "fcc", a=2 ** (1 / 2 + 1 / 6) * sigma)
    result = elastic(crystal, LennardJones(sigma=sigma, epsilon=epsilon, rc=1.3 * sigma), max_strain=1e-3)
    np.testing.assert_allclose(result.stiffness * units.GPa, cubic(72, 36, 36) * epsilon / sigma**3, atol=1e-4)
    assert result.converged and result.stable and result.warnings == ()
    assert result.space_group == "Fm-3m (225)"
    assert result.residual.max() < 1e-4
    assert result.symmetry_deviation < 1e-9


def test_copper_equals_second_derivatives_of_the_energy(copper):
    def energy(*strains):
        atoms = copper.reference.copy()
        xx, yy, yz = strains
        strain = np.array([[xx, 0, 0], [0, yy, yz / 2], [0, yz / 2, 0]])
        atoms.set_cell(atoms.cell[:] @ (strain + np.eye(3)), scale_atoms=True)
        return EMT().get_potential_energy(atoms)

    h, volume = 1e-3, copper.reference.get_volume() * units.GPa
    c11 = (energy(h, 0, 0) - 2 * energy(0, 0, 0) + energy(-h, 0, 0)) / h**2 / volume
    c44 = (energy(0, 0, h) - 2 * energy(0, 0, 0) + energy(0, 0, -h)) / h**2 / volume
    c12 = (energy(h, h, 0) - energy(h, -h, 0) - energy(-h, h, 0) + energy(-h, -h, 0)) / (4 * h**2) / volume
    np.testing.assert_allclose(copper.stiffness, cubic(c11, c12, c44), atol=0.05)
    assert copper.reference.cell.lengths() == pytest.approx(COPPER / 2**0.5, abs=1e-4)


def silicon():
    """J. Tersoff, Phys. Rev. B 38, 9902 (1988)."""
    parameters = TersoffParameters(
        A=1830.8, B=471.18, lambda1=2.4799, lambda2=1.7322, lambda3=0.0, beta=1.0999e-6, gamma=1.0, m=3, n=0.78734,
        c=1.0039e5, d=16.217, h=-0.59825, R=2.85, D=0.15,
    )  # fmt: skip
    return bulk("Si", a=5.432), Tersoff({("Si", "Si", "Si"): parameters})


def test_silicon_as_published_with_clamped_and_relaxed_ions():
    """H. Balamane et al., Phys. Rev. B 46, 2250 (1992), table II: 142.5, 75.4, 69.0, and 118.8 with clamped ions."""
    crystal, calculator = silicon()
    relaxed = elastic(crystal, calculator)
    clamped = elastic(crystal, calculator, clamped=True)
    np.testing.assert_allclose(relaxed.stiffness, cubic(142.5, 75.4, 69.0), atol=0.1)
    np.testing.assert_allclose(clamped.stiffness, cubic(142.5, 75.4, 118.8), atol=0.1)


def test_axes(copper):
    """A turned primitive cell has turned constants, and the same ones in standard axes."""
    turn = Rotation.from_euler("xyz", [20, 50, 110], degrees=True).as_matrix()
    atoms = copper.reference.copy()
    atoms.set_cell(atoms.cell[:] @ turn.T, scale_atoms=True)
    turned = elastic(atoms, EMT())
    np.testing.assert_allclose(turned.stiffness, rotate_stiffness(copper.stiffness, turn), atol=0.05)
    np.testing.assert_allclose(turned.stiffness_standard, copper.stiffness, atol=0.05)
    np.testing.assert_allclose(turned.kelvin_moduli, copper.kelvin_moduli, atol=0.05)
    assert abs(turned.stiffness - copper.stiffness).max() > 10


def test_hexagonal_symmetry():
    crystal = bulk("Cu", "hcp", a=COPPER / 2**0.5, c=COPPER / 2**0.5 * (8 / 3) ** 0.5)
    result = elastic(crystal, EMT())
    c = result.stiffness
    assert result.space_group == "P6_3/mmc (194)"
    assert c[5, 5] == pytest.approx((c[0, 0] - c[0, 1]) / 2, abs=1e-8)
    assert c[0, 0] == pytest.approx(c[1, 1], abs=1e-8)
    assert result.symmetry_deviation < 0.01
    np.testing.assert_allclose(c, result.stiffness_fitted, atol=1)


def test_symmetrize_removes_what_the_crystal_forbids():
    rotations = crystal_symmetry(bulk("Cu"), 1e-3).rotations
    assert len(rotations) == 48
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (48, 1, 1)), atol=1e-12)
    noisy = cubic(170, 115, 90) + np.random.default_rng(1).normal(size=(6, 6))
    clean = symmetrize_stiffness(noisy, rotations)
    np.testing.assert_allclose(clean, cubic(clean[0, 0], clean[0, 1], clean[3, 3]), atol=1e-10)
    assert clean[0, 0] == pytest.approx(np.diag(noisy)[:3].mean())


def test_rotation_keeps_the_energy_of_a_strain():
    rng = np.random.default_rng(2)
    stiffness = rng.normal(size=(6, 6))
    stiffness += stiffness.T
    strain = rng.normal(size=(3, 3))
    strain += strain.T
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()

    def energy(c, e):
        voigt = np.array([e[0, 0], e[1, 1], e[2, 2], 2 * e[1, 2], 2 * e[0, 2], 2 * e[0, 1]])
        return voigt @ c @ voigt

    assert energy(rotate_stiffness(stiffness, turn), turn @ strain @ turn.T) == pytest.approx(energy(stiffness, strain))


def test_moduli_of_an_isotropic_and_of_a_cubic_crystal():
    young, poisson = 200.0, 0.3
    lam, mu = young * poisson / ((1 + poisson) * (1 - 2 * poisson)), young / (2 * (1 + poisson))
    isotropic = elastic_moduli(cubic(lam + 2 * mu, lam, mu))
    assert isotropic.young == pytest.approx(young)
    assert isotropic.poisson == pytest.approx(poisson)
    assert isotropic.bulk_voigt == pytest.approx(isotropic.bulk_reuss) == pytest.approx(lam + 2 * mu / 3)
    assert isotropic.anisotropy == pytest.approx(0, abs=1e-12)

    c11, c12, c44 = 170.0, 120.0, 76.0
    moduli = elastic_moduli(cubic(c11, c12, c44))
    assert moduli.bulk_hill == pytest.approx((c11 + 2 * c12) / 3)
    assert moduli.shear_voigt == pytest.approx((c11 - c12 + 3 * c44) / 5)
    assert moduli.shear_reuss == pytest.approx(5 * (c11 - c12) * c44 / (4 * c44 + 3 * (c11 - c12)))
    zener = 2 * c44 / (c11 - c12)
    assert moduli.anisotropy == pytest.approx(6 / 5 * (zener**0.5 - zener**-0.5) ** 2)
    np.testing.assert_allclose(kelvin_moduli(cubic(c11, c12, c44)), [50, 50, 152, 152, 152, 410])
    axis, diagonal = young_modulus(cubic(c11, c12, c44), np.array([[1.0, 0, 0], [3**-0.5] * 3]))
    assert axis == pytest.approx((c11 - c12) * (c11 + 2 * c12) / (c11 + c12))
    assert diagonal == pytest.approx(3 / (1 / c44 + 1 / (c11 + 2 * c12)))


def test_an_unstable_crystal_has_no_moduli(tmp_path):
    with pytest.warns(UserWarning, match="mechanically unstable"):
        result = elastic(bulk("Cu", "bcc", a=2.86), EMT(), output=tmp_path)
    assert not result.stable and result.moduli is None
    assert result.kelvin_moduli[0] < 0
    assert json.loads((tmp_path / "result.json").read_text())["moduli"] is None
    assert not (tmp_path / "young.png").exists()


def test_stress_is_refused_relaxed_or_insisted_on(tmp_path):
    squeezed = bulk("Cu", a=3.55)
    with pytest.raises(InputError, match=r"^the structure is under a stress of 4\.\d+ GPa \(limit 0.5\).*--as-given"):
        elastic(squeezed, EMT(), relax_first=False, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.warns(UserWarning, match="under a stress of"):
        forced = elastic(squeezed, EMT(), relax_first=False, force=True)
    assert not forced.converged
    assert (forced.relaxed_first, forced.volume_change) == (False, 0)
    relaxed = elastic(squeezed, EMT())
    assert relaxed.converged and relaxed.relaxed_first
    assert relaxed.volume_change == pytest.approx((COPPER / 3.55) ** 3 - 1, abs=1e-3)
    assert abs(relaxed.reference_stress).max() < 0.02
    assert forced.stiffness[0, 0] > relaxed.stiffness[0, 0] + 10


def test_a_relaxation_that_left_stress_is_refused_in_other_words():
    reference = {"stress": np.array([0.02, 0, 0, 0, 0, 0]), "max_force": np.array(0.0)}
    with pytest.raises(
        InputError, match=r"^the relaxation did not converge: .* stress of 3.20 GPa .*: try equical relax"
    ):
        check_reference(reference, ElasticSettings())


def test_clamped_ions_with_forces_are_refused():
    shaken = bulk("Cu", a=COPPER, cubic=True)
    shaken.rattle(0.01, seed=1)
    with pytest.raises(InputError, match="ions feel forces up to"):
        elastic(shaken, EMT(), clamped=True, relax_first=False)


def test_slopes_are_those_of_straight_lines_and_residuals_ignore_curvature():
    rng = np.random.default_rng(4)
    strains = np.array([-0.01, -0.005, 0.005, 0.01])
    stiffness, curvature, reference = rng.normal(size=(6, 6)), 50 * rng.normal(size=(6, 6)), rng.normal(size=6)
    stresses = reference + np.einsum("ij,s->jsi", stiffness, strains) + np.einsum("ij,s->jsi", curvature, strains**2)
    slopes, residual = fit_slopes(strains, stresses, reference)
    np.testing.assert_allclose(slopes, stiffness, atol=1e-10)
    assert residual.max() < 1e-10
    stresses += 1e-3 * rng.normal(size=stresses.shape)
    slopes, residual = fit_slopes(strains, stresses, reference)
    np.testing.assert_allclose(slopes[:, 2], np.polyfit(strains, stresses[2], 1)[0], atol=1e-10)
    assert residual.min() > 1e-3


class Noisy(EMT):
    """EMT with noise on its stress, the same each time, on any machine: the cell decides, without its last digits."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        seed = (np.rint(1e6 * self.atoms.cell[:]).astype(int).ravel() % 2**32).tolist()
        self.results["stress"] = self.results["stress"] + np.random.default_rng(seed).normal(scale=5e-4, size=6)


def test_noise_is_reported():
    with pytest.warns(UserWarning, match="scatter about the fit|deviate from the symmetry") as caught:
        result = elastic(bulk("Cu", a=COPPER), Noisy(), clamped=True, relax_first=False)
    assert len(caught) == 2
    assert result.residual.max() > 0.02
    assert result.symmetry_deviation > 0.05


class EnergyAlone(Calculator):
    implemented_properties = ("energy", "forces")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        raise AssertionError("not to be called")


class NoNumbers(EMT):
    """Gives one of its results as NaN."""

    def __init__(self, wrong):
        super().__init__()
        self.wrong = wrong

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results[self.wrong] = self.results[self.wrong] * np.nan


AS_GIVEN = {"relax_first": False}
CLAMPED = {"clamped": True, "force": True}


@pytest.mark.parametrize(
    ("atoms", "calculator", "settings", "message"),
    [
        (bulk("Cu"), NoNumbers("stress"), {}, "energy, forces or stress are not finite numbers"),
        (bulk("Cu"), NoNumbers("stress"), AS_GIVEN, "a stress with values that are not numbers"),
        (bulk("Cu"), NoNumbers("stress"), AS_GIVEN | CLAMPED, "a stress with values that are not numbers"),
        (bulk("Cu"), NoNumbers("forces"), AS_GIVEN | CLAMPED, "forces with values that are not numbers"),
        (molecule("H2O"), EMT(), {}, "periodic in three directions"),
        (Atoms("Cu", cell=[3, 3, 15], pbc=True), EMT(), {}, "without atoms along cell vector c"),
        (bulk("Cu"), EnergyAlone(), {}, "EnergyAlone gives no stress"),
        (bulk("Cu"), EMT(), {"max_strain": 0.5}, "not in the elastic range"),
        (bulk("Cu"), EMT(), {"num_strains": 3}, "even number of at least 4"),
        (bulk("Cu"), EMT(), {"num_strains": 2}, "even number of at least 4"),
        (bulk("Cu"), EMT(), {"fmax": -1}, "fmax must be a positive number"),
    ],
)
def test_bad_input(atoms, calculator, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        elastic(atoms, calculator, output=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_models_of_adsorption_energies_are_refused():
    calculator = EMT()
    calculator.energy_kind = "adsorption"
    with pytest.raises(InputError, match="adsorption energies"):
        elastic(bulk("Cu"), calculator)


class Dented(EMT):
    """EMT with a dent, or a hump, of the energy at copper's cell: a Gaussian of one strain, as wide as ``WIDTH``.

    A dent of depth d adds d/width² per volume to that modulus at strains well within it, and nothing beyond.
    """

    WIDTH = 0.006

    def __init__(self, depth, mode):
        """``depth``: eV/Å³, negative for a hump; ``mode``: index pair of the strain."""
        super().__init__()
        self.depth, self.mode = depth, mode

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        deformation = np.linalg.solve(bulk("Cu", a=COPPER).cell[:], self.atoms.cell[:])
        i, j = self.mode
        strain = deformation[i, i] - deformation[1, 1] if i == j else 2 * deformation[i, j]
        slope = self.depth * strain / self.WIDTH**2 * np.exp(-(strain**2) / 2 / self.WIDTH**2)
        change = np.zeros((3, 3))
        change[i, j] = change[j, i] = slope
        if i == j:
            change[1, 1] = -slope
        self.results["stress"] = self.results["stress"] + change[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]


def test_constants_of_a_smooth_energy_do_not_depend_on_the_strain(copper):
    found = copper.strain_dependence
    assert found.names == ("C11−C12", "C44", "bulk modulus")
    c = copper.stiffness
    np.testing.assert_allclose(found.moduli_fitted, [c[0, 0] - c[0, 1], c[3, 3], (c[0, 0] + 2 * c[0, 1]) / 3])
    assert found.check_strain == 0.02
    assert 1e-4 < found.strain_dependence < 0.1
    assert copper.warnings == ()


@pytest.mark.parametrize(
    ("depth", "mode", "message"),
    [
        (2e-5, (1, 2), r"answer depends on the strain \(C44: 11\d\.\d GPa at 0.005, 9\d.\d GPa at 0.02\)"),
        (-1e-4, (0, 2), r"changes its sign with the strain \(C44: -\d+\.\d GPa at 0.005, \d+.\d GPa at 0.02\)"),
        (-1e-4, (0, 0), r"changes its sign with the strain \(C11−C12: -\d+\.\d GPa at 0.005, \d+.\d GPa at 0.02\)"),
    ],
)
def test_dents_and_humps_of_the_energy_are_found(depth, mode, message):
    with pytest.warns(UserWarning) as caught:
        elastic(bulk("Cu", a=COPPER), Dented(depth, mode), relax_first=False, clamped=True)
    assert any(re.search(message, str(one.message)) for one in caught), [str(one.message) for one in caught]


def test_strain_dependence_of_a_crystal_that_is_not_cubic():
    """Along fixed modes: softer in one of them, in a crystal whose modes are mixed."""
    one = cubic(170, 115, 90)
    one[0, 0], one[4, 4] = 150, 60
    other = one.copy()
    other[4, 4] = 30
    found = compare(one, other, 0.02, cubic=False)
    assert found.names[0] == "Kelvin modulus 1" and len(found.names) == 6
    np.testing.assert_allclose(np.sort(found.moduli_fitted), kelvin_moduli(one))
    (changed,) = np.flatnonzero(found.changes > 1e-9)
    assert (found.moduli_fitted[changed], found.moduli_check[changed]) == pytest.approx((120, 60))
    assert found.strain_dependence == pytest.approx(0.5)


@pytest.mark.drawn
def test_files_and_resume(tmp_path):
    crystal = bulk("Cu", a=COPPER)
    result = elastic(crystal, EMT(), output=tmp_path)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["converged"] and written["stable"]
    assert written["moduli"]["bulk_hill"] == result.moduli.bulk_hill
    assert written["units"]["stiffness"] == "GPa"
    assert written["moduli_check"] == result.strain_dependence.moduli_check.tolist()
    assert written["relaxed_first"] is True
    np.testing.assert_array_equal(written["stiffness"], result.stiffness)
    table = np.loadtxt(tmp_path / "stiffness.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 1:], result.stiffness)
    for name in ("stress_strain.png", "young.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")

    (tmp_path / "points" / "3-02.npz").unlink()
    again = elastic(crystal, EMT(), output=tmp_path, resume=True)
    np.testing.assert_array_equal(again.stiffness, result.stiffness)
    with pytest.raises(InputError, match="another structure, model or setting"):
        elastic(crystal, EMT(), output=tmp_path, resume=True, clamped=True)
    with pytest.raises(InputError, match="not empty"):
        elastic(crystal, EMT(), output=tmp_path)
