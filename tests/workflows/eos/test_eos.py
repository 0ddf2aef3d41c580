"""Equations of state against ASE's, against the analytic answer for a Lennard-Jones crystal, and refused when poor."""

import json
import warnings
from functools import partial

import ase.eos
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.eos import EquationOfState
from ase.io import read

from equical import relax
from equical.errors import InputError
from equical.workflows.eos.fit import FORMS, anton_schmidt, fit_eos
from equical.workflows.eos.run import eos

SIGMA, EPSILON = 2.3, 0.1
CUTOFF = 1.3 * SIGMA
"""Between the first and the second shell of neighbours of the fcc crystal."""


def lj_crystal(scale=1.0):
    """Fcc with neighbours at the minimum of the pair potential."""
    return bulk("Ar", "fcc", a=scale * 2 ** (1 / 2 + 1 / 6) * SIGMA)


def lj():
    return LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF)


class Counting(EMT):
    """EMT that counts, and may shift, blur or spoil its energies."""

    def __init__(self, change=lambda energy: energy, **attributes):
        super().__init__()
        self.change = change
        self.count = 0
        vars(self).update(attributes)

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.count += 1
        self.results["energy"] = self.change(self.results["energy"])


@pytest.mark.parametrize("form", sorted(set(FORMS) & set(ase.eos.eos_names)))  # "anton-schmidt" is younger
def test_equals_ase(form):
    result = eos(bulk("Cu", cubic=True), EMT(), form=form)
    volume, energy, modulus = EquationOfState(result.volumes, result.energies, form).fit()
    assert result.volume == pytest.approx(volume, rel=1e-6)  # ASE fits "p3" to volumes as they are and loses digits
    assert result.energy == pytest.approx(energy, abs=1e-7)
    assert result.bulk_modulus == pytest.approx(modulus / units.GPa, rel=1e-5)
    assert result.converged and result.warnings == ()


def test_lennard_jones_crystal():
    """With nearest neighbours alone E = 6 ε [(σ³/V)⁴ − 2 (σ³/V)²]: V0 = σ³, B0 = 48 ε/σ³, B0' = 8."""
    result = eos(lj_crystal(1.003), lj(), volume_range=0.03)
    shift = 4 * EPSILON * ((SIGMA / CUTOFF) ** 12 - (SIGMA / CUTOFF) ** 6)
    assert result.volume == pytest.approx(SIGMA**3, rel=1e-5)
    assert result.energy == pytest.approx(-6 * (EPSILON + shift), rel=1e-6)
    assert result.bulk_modulus * units.GPa == pytest.approx(48 * EPSILON / SIGMA**3, rel=1e-3)
    assert result.bulk_modulus_derivative == pytest.approx(8, rel=0.02)
    assert result.lattice_scale == pytest.approx(1 / 1.003, rel=1e-5)
    assert result.structure.get_volume() == pytest.approx(result.volume)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_finds_the_pressure_derivative(form):
    volumes = np.linspace(0.99, 1.01, 11)
    fit = fit_eos(volumes, 6 * (volumes**-4 - 2 * volumes**-2), 1, form)
    assert fit.bulk_modulus == pytest.approx(48, rel=2e-3)
    assert fit.bulk_modulus_derivative == pytest.approx(8, rel=0.02)


def curve_of_a_form(form, volumes, modulus, derivative, volume):
    """Energies whose minimum is zero."""
    if form in ("taylor", "p3"):
        third = -(derivative + 1) * modulus / volume  # derivative of the energy, times V0
        return ase.eos.taylor(volumes, 0.0, modulus, third, volume)
    if form == "sj":  # c (t − t0)² + d (t − t0)³ in t = V^(−1/3), with c and d by the chain rule
        t = volume ** (-1 / 3)
        second, steps = 9 * modulus / t**5, volumes ** (-1 / 3) - t
        return second / 2 * steps**2 + second * (derivative - 3) / (2 * t) * steps**3
    curve = anton_schmidt if form == "anton-schmidt" else getattr(ase.eos, form)
    return curve(volumes, 0.0, modulus, derivative, volume)


@pytest.mark.parametrize(("width", "offset", "exact"), [(0.01, 0, 1e-3), (0.07, -1.2e5, 1)])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_recovers_its_own_numbers(form, width, offset, exact):
    """From a narrow range of volumes too, and from large total energies, of which some digits are lost."""
    volumes = 41.1 * np.linspace(1 - width, 1 + width, 9)
    fit = fit_eos(volumes, curve_of_a_form(form, volumes, 0.6, 4.5, 41.0) + offset, 4, form)
    assert fit.volume == pytest.approx(41, rel=1e-7 * exact)
    assert fit.energy == pytest.approx(offset, abs=1e-8)
    assert fit.bulk_modulus == pytest.approx(0.6, rel=1e-5 * exact)
    assert fit.bulk_modulus_derivative == pytest.approx(4.5, rel=1e-3 * exact)
    assert fit.problem == ""


def test_a_parabola_is_a_cubic_polynomial_too():
    volumes = np.linspace(38, 44, 9)
    fit = fit_eos(volumes, (volumes - 41) ** 2, 1, "p3")
    assert fit.volume == pytest.approx(41, rel=1e-12)
    assert fit.bulk_modulus_derivative == pytest.approx(-1, abs=1e-9)


def test_range_is_one_of_volume():
    atoms = bulk("Cu")
    result = eos(atoms, EMT(), volume_range=0.09, num_points=7)
    np.testing.assert_allclose(result.volumes / atoms.get_volume(), np.linspace(0.91, 1.09, 7))
    scaled = result.structures[0]
    np.testing.assert_allclose(scaled.cell[:], atoms.cell[:] * 0.91 ** (1 / 3))
    np.testing.assert_allclose(scaled.get_scaled_positions(), atoms.get_scaled_positions(), atol=1e-12)


def test_ions_are_relaxed_on_request():
    shaken = bulk("Cu", cubic=True)
    shaken.rattle(0.05, seed=3)
    before = shaken.positions.copy()
    perfect = eos(bulk("Cu", cubic=True), EMT(), num_points=5)
    relaxed = eos(shaken, EMT(), num_points=5, relax="ions")
    assert relaxed.converged
    np.testing.assert_allclose(relaxed.energies, perfect.energies, atol=1e-6)
    assert eos(shaken, EMT(), num_points=5).energy > perfect.energy + 0.01
    np.testing.assert_array_equal(shaken.positions, before)


def test_shape_is_relaxed_at_constant_volume():
    stretched = bulk("Cu", cubic=True)
    stretched.set_cell(stretched.cell[:] * np.array([1.01, 1.01, 1 / 1.0201]), scale_atoms=True)
    cubic = eos(bulk("Cu", cubic=True), EMT(), num_points=5)
    relaxed = eos(stretched, EMT(), num_points=5, relax="shape")
    np.testing.assert_allclose(relaxed.volumes, cubic.volumes, rtol=1e-6)
    np.testing.assert_allclose(relaxed.energies, cubic.energies, atol=1e-5)


def test_a_point_that_does_not_relax_is_reported(monkeypatch):
    monkeypatch.setattr("equical.workflows.eos.run.relax_structure", partial(relax, steps=0))
    shaken = bulk("Cu", cubic=True)
    shaken.rattle(0.05, seed=3)
    with pytest.warns(UserWarning, match="not relaxed to 0.001 eV/Å at V/V_input = 0.94, 0.97, 1, 1.03, 1.06"):
        result = eos(shaken, EMT(), num_points=5, relax="ions")
    assert not result.converged
    assert np.isfinite(result.volume)


@pytest.mark.parametrize(
    ("lattice", "calculator", "reason"),
    [
        (3.9, EMT(), "still falls at the smallest volume"),
        (3.3, EMT(), "still falls at the largest volume"),
        (3.6, Counting(lambda e: e + 0.003 * np.sin(1e4 * e)), "scatter about the fit"),
        pytest.param(3.6, Counting(lambda e: np.nan), "not a number", marks=pytest.mark.drawn),
        pytest.param(3.6, Counting(lambda e: -e), "still falls", marks=pytest.mark.drawn),
    ],
)
def test_poor_fits_are_refused(lattice, calculator, reason, tmp_path):
    with pytest.warns(UserWarning, match=f"fit refused: .*{reason}"):
        result = eos(bulk("Cu", a=lattice), calculator, output=tmp_path)
    assert not result.converged
    assert np.isnan([result.volume, result.energy, result.bulk_modulus, result.lattice_scale]).all()
    assert len(result.energies) == 11
    assert result.structure is None
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["volume"] is None and written["converged"] is False
    assert reason in written["warnings"][0]
    assert not (tmp_path / "equilibrium.extxyz").exists()
    assert (tmp_path / "eos.png").exists()


def test_a_curve_without_minimum_is_refused():
    volumes = np.linspace(0.9, 1.1, 7)
    energies = np.array([0, 3, 1, -0.1, 1, 3, 0.0])
    assert fit_eos(volumes, energies, 1, "sj").problem
    assert fit_eos(volumes, -((volumes - 1) ** 2), 1, "birchmurnaghan").problem
    volumes = np.linspace(0.9, 1.1, 21)
    spike = -100 * (volumes - 1) ** 2 - 1.05 * (np.arange(21) == 10)
    assert "bulk modulus is not positive" in fit_eos(volumes, spike, 1, "birchmurnaghan").problem


def slab():
    return fcc111("Cu", (1, 1, 4), vacuum=6)


def periodic_slab():
    atoms = slab()
    atoms.pbc = True
    return atoms


@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (molecule("H2O"), {}, "periodic in three directions; this structure has pbc=FFF"),
        (slab(), {}, "pbc=TTF"),
        (periodic_slab(), {}, "without atoms along cell vector c"),
        (Atoms(cell=[3, 3, 3], pbc=True), {}, "no atoms"),
        (bulk("Cu"), {"volume_range": 6}, "half its width"),
        (bulk("Cu"), {"volume_range": -0.1}, "half its width"),
        (bulk("Cu"), {"num_points": 4}, "at least 5"),
        (bulk("Cu"), {"form": "birch-murnaghan"}, "choose one of sj, taylor"),
        (bulk("Cu"), {"relax": "all"}, "relax must be one of none, ions, shape"),
        (bulk("Cu"), {"fmax": 0.0}, "fmax must be a positive number"),
    ],
)
def test_bad_input(atoms, settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        eos(atoms, EMT(), output=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_models_of_adsorption_energies_are_refused():
    with pytest.raises(InputError, match="adsorption energies; an equation of state needs"):
        eos(bulk("Cu"), Counting(energy_kind="adsorption"))


def test_forces_that_are_no_gradient_are_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        eos(bulk("Cu"), Counting(conservative=False), num_points=5)
    with pytest.warns(UserWarning, match="poor choice for an equation of state: its forces are not the gradient"):
        eos(bulk("Cu"), Counting(conservative=False), num_points=5, relax="ions")


@pytest.mark.drawn
def test_files(tmp_path):
    atoms = bulk("Cu", cubic=True)
    result = eos(atoms, EMT(), num_points=7, output=tmp_path)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["converged"] is True
    assert written["volume"] == result.volume
    assert written["units"]["bulk_modulus"] == "GPa"
    assert written["minimum_inside"] is True
    assert written["r_squared"] > 0.9999
    assert written["model"] == {"calculator": "EMT"}
    assert {"equical", "ase", "numpy", "torch", "python"} <= written["versions"].keys()
    table = np.loadtxt(tmp_path / "eos.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table, np.column_stack([result.volumes, result.energies]))
    assert len(read(tmp_path / "scan.extxyz", ":")) == 7
    assert read(tmp_path / "equilibrium.extxyz").get_volume() == pytest.approx(result.volume)
    assert (tmp_path / "eos.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="not empty"):
        eos(atoms, EMT(), output=tmp_path)


def test_resume_calculates_what_is_missing_alone(tmp_path):
    whole = eos(bulk("Cu"), Counting(), output=tmp_path)
    (tmp_path / "points" / "0004.npz").unlink()
    (tmp_path / "points" / "0007.npz").write_bytes(b"PK half a file")
    calculator = Counting()
    again = eos(bulk("Cu"), calculator, output=tmp_path, resume=True)
    assert calculator.count == 2
    np.testing.assert_array_equal(again.energies, whole.energies)
    assert again.volume == whole.volume
    with pytest.raises(InputError, match=r"0000\.npz belongs to another structure, model or setting"):
        eos(bulk("Cu"), Counting(), output=tmp_path, resume=True, volume_range=0.05)
    with pytest.raises(InputError, match="belongs to another"):
        eos(bulk("Cu"), EMT(), output=tmp_path, resume=True)


def test_an_overwritten_run_that_was_killed_can_be_resumed(tmp_path):
    class Killed(BaseException):
        """No error that anything but the end of the process handles."""

    def kill(energy):
        if calculator.count == 3:
            raise Killed
        return energy

    eos(bulk("Cu"), Counting(), output=tmp_path)
    calculator = Counting(kill)
    with pytest.raises(Killed):
        eos(bulk("Cu"), calculator, volume_range=0.05, output=tmp_path, overwrite=True)
    calculator = Counting()
    result = eos(bulk("Cu"), calculator, volume_range=0.05, output=tmp_path, resume=True)
    assert result.fit is not None
    assert calculator.count < len(result.volumes)


def test_any_calculator_with_energies_will_do():
    class EnergyAlone(Calculator):
        implemented_properties = ("energy",)

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            self.results = {"energy": (atoms.get_volume() - 12) ** 2}

    assert eos(bulk("Cu"), EnergyAlone()).volume == pytest.approx(12, rel=1e-3)
