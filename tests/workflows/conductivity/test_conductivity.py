"""Thermal conductivity against phono3py's own driver and the laws it must obey; refused, resumed, shown."""

import builtins
import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from phonopy.structure.atoms import PhonopyAtoms

from equical.errors import InputError
from equical.uncertainty import Uncertainty
from equical.workflows.common.finished import FinishedRun
from equical.workflows.conductivity import run
from equical.workflows.conductivity.run import conductivity
from equical.workflows.conductivity.transport import as_tensors
from equical.workflows.report.run import page_of

phono3py = pytest.importorskip("phono3py")

pytestmark = pytest.mark.filterwarnings("ignore::equical.workflows.common.notes.WorkflowWarning")
SMALL = {"supercell": (3, 3, 3), "third_order_supercell": (3, 3, 3), "mesh": 9.0, "temperatures": [100, 300]}
"""Each atom needs neighbours that are no images of one another: with two repeats of fcc, third orders cancel."""


class Counted(EMT):
    """EMT that counts its calculations."""

    count = 0

    def calculate(self, *args, **keywords):
        super().calculate(*args, **keywords)
        self.count += 1


@pytest.fixture(scope="module")
def copper(tmp_path_factory):
    """A run on copper, and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "copper"
    with pytest.warns(UserWarning, match="conductivity depends on the mesh"):
        return conductivity(bulk("Cu"), Counted(), output=folder, **SMALL), folder


def theirs(structure):
    """Force constants of a copper crystal by phono3py's own driver."""
    cell = PhonopyAtoms(structure.symbols, cell=structure.cell[:], scaled_positions=structure.get_scaled_positions())
    three = np.diag([3, 3, 3])
    driver = phono3py.Phono3py(cell, three, primitive_matrix="P", phonon_supercell_matrix=three, cutoff_frequency=1e-3)
    driver.generate_displacements(distance=0.03)
    driver.generate_fc2_displacements(distance=0.03, is_diagonal=True)

    def forces(cells):
        crystals = [Atoms(c.symbols, cell=c.cell, scaled_positions=c.scaled_positions, pbc=True) for c in cells]
        return [EMT().get_forces(crystal) for crystal in crystals]

    driver.forces = forces(driver.supercells_with_displacements)
    driver.phonon_forces = forces(driver.phonon_supercells_with_displacements)
    driver.produce_fc3()
    driver.symmetrize_fc3()
    driver.produce_fc2()
    driver.symmetrize_fc2()
    return driver


def test_identical_to_phono3pys_own_driver(copper):
    result, _ = copper
    driver = theirs(result.structure)
    driver.mesh_numbers = result.transport.mesh
    driver.init_phph_interaction(
        symmetrize_tetrahedra=True, exclude_gamma_acoustic=True, average_degenerate_weights=True
    )
    direct = conductivity(bulk("Cu"), Counted(), output=result.output, resume=True, method="lbte", **SMALL)
    np.testing.assert_allclose(direct.transport.kappa_rta, result.kappa, rtol=1e-6, atol=1e-6)
    for ours, lbte in ((result, False), (direct, True)):
        driver.run_thermal_conductivity(is_LBTE=lbte, temperatures=[100, 300])
        found = driver.thermal_conductivity.kappa[0]
        np.testing.assert_allclose(ours.kappa[:, [0, 1, 2], [0, 1, 2]], found[:, :3], rtol=1e-5)


def test_a_cubic_crystal_conducts_alike_in_all_directions_and_less_when_hot(copper):
    result, _ = copper
    np.testing.assert_allclose(result.kappa, result.transport.mean[:, None, None] * np.eye(3), rtol=1e-6, atol=1e-6)
    assert 1.5 < result.transport.mean[0] / result.transport.mean[1] < 3  # about as 1/T
    np.testing.assert_allclose(result.transport.contributions.sum(axis=(1, 2)), result.transport.mean, rtol=1e-9)
    lifetimes = result.transport.lifetimes
    assert np.isfinite(lifetimes[:, 1:]).all()  # the first wave vector is Γ
    np.testing.assert_array_less(lifetimes[1, 1:], lifetimes[0, 1:])
    assert result.transport.weights.sum() == np.prod(result.transport.mesh)
    assert result.coarser is not None and result.coarser.mesh < result.transport.mesh


def test_forces_are_found_again_with_another_mesh_and_method(copper, tmp_path):
    result, folder = copper
    calculator = Counted()
    other = SMALL | {"mesh": 8.9, "temperatures": [300]}
    again = conductivity(bulk("Cu"), calculator, output=folder, resume=True, isotopes=True, **other)
    assert calculator.count == 0
    assert again.num_reused == again.num_displacements + 3  # the relaxation, and both supercells at rest
    assert 0 < again.transport.mean[0] < result.transport.mean[1]  # isotopes scatter, too
    (folder / "forces" / "third-order" / "00007.npz").unlink()
    conductivity(bulk("Cu"), calculator, output=folder, resume=True, **SMALL)
    assert calculator.count == 1
    with pytest.raises(InputError, match="displacement was 0.03"):
        conductivity(bulk("Cu"), calculator, output=folder, resume=True, displacement=0.02, **SMALL)


@pytest.mark.drawn
def test_files_and_page(tmp_path):
    """Pairs that are no neighbours are left out."""
    settings = SMALL | {"mesh": 6.0, "pair_cutoff": 2.0}
    result = conductivity(bulk("Cu"), EMT(), output=tmp_path, isotopes=True, **settings)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written["kappa"] == result.kappa.tolist()
    table = np.loadtxt(tmp_path / "conductivity.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 2:5], np.einsum("tii->ti", result.kappa))
    modes = np.genfromtxt(tmp_path / "modes.csv", delimiter=",", names=True)
    assert modes["kappa_W_per_m_K_at_300K"].sum() == pytest.approx(result.transport.mean[1])
    for name in ("conductivity.png", "modes.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    page = page_of(FinishedRun.read(tmp_path))
    assert page.title == "Thermal conductivity of Cu"
    assert [row[:3] for row in page.tables[0].rows] == [
        (kelvin, mean, kappa[0][0])
        for kelvin, mean, kappa in zip(written["temperatures"], written["kappa_mean"], written["kappa"], strict=True)
    ]


def test_phono3pys_own_tools_go_on(copper):
    result, folder = copper
    driver = phono3py.load(folder / "phono3py_params.yaml", log_level=0, produce_fc=False)
    np.testing.assert_allclose(driver.forces, result.phono3py.forces, atol=1e-8)
    np.testing.assert_allclose(driver.phonon_forces, result.phono3py.phonon_forces, atol=1e-8)


def test_a_tensor_has_its_six_numbers_in_place():
    tensor = as_tensors(np.array([[1.0, 2, 3, 4, 5, 6]]))
    np.testing.assert_array_equal(tensor, [[[1, 6, 5], [6, 2, 4], [5, 4, 3]]])  # xx, yy, zz, yz, xz, xy


class Unsure(EMT):
    """EMT that knows no crystal."""

    implemented_properties = (*EMT.implemented_properties, "energy_std")

    def uncertainty(self, atoms):
        return Uncertainty(1.0, np.ones(len(atoms)), ("it is too far",))


class EnoughError(Exception):
    """Ends a run where a test has seen enough."""


@pytest.mark.filterwarnings("default::equical.workflows.common.notes.WorkflowWarning")
def test_what_makes_a_crystal_doubtful_is_told_before_anything_is_displaced(monkeypatch):
    """A crystal that misses its symmetry by a hair has many more pairs."""

    def at_rest(atoms, calculator, cell):
        forces = np.zeros((len(atoms), 3))
        return {"positions": atoms.positions, "cell": atoms.cell[:], "energy": 0.0, "forces": forces, "converged": True}

    def displaced(*arguments):
        raise EnoughError

    monkeypatch.setattr(run, "relaxed_arrays", at_rest)
    monkeypatch.setattr(run, "displaced_supercells", displaced)
    crystal = bulk("Cu", cubic=True)
    crystal.positions[0, 0] += 1e-3
    with pytest.raises(EnoughError), pytest.warns(UserWarning) as told:
        conductivity(crystal, Unsure(), **SMALL)
    lines = [str(one.message) for one in told]
    assert any("the crystal lies outside what the model knows" in line for line in lines)
    assert any("the crystal is Fm-3m (225) to within" in line for line in lines)


def test_imaginary_modes_are_refused_before_any_pair_is_displaced(tmp_path):
    calculator = Counted()
    with pytest.raises(InputError, match=r"^imaginary modes, down to -\d.* no phonons that carry heat") as refused:
        conductivity(bulk("Cu", "bcc", a=2.9), calculator, output=tmp_path, **SMALL)
    assert "\n" not in str(refused.value)
    assert [path.name for path in (tmp_path / "forces").iterdir()] == ["second-order"]


@pytest.mark.parametrize(
    ("atoms", "settings", "message"),
    [
        (molecule("H2O"), {}, "periodic in three directions"),
        (bulk("Cu"), {"temperatures": [0, 300]}, "temperatures must ascend, and be above 0 K"),
        (bulk("Cu"), {"temperatures": [300, 100]}, "temperatures must ascend"),
        (bulk("Cu"), {"third_order_supercell": (2, 2)}, "three numbers of repeats"),
        (bulk("Cu"), {"method": "bte"}, "method must be one of rta, lbte"),
        (bulk("Cu"), {"pair_cutoff": 0.0}, "pair_cutoff must be a positive number"),
        (bulk("Cu"), {"displacement": 0.5}, "not in the harmonic range"),
        (bulk("Cu"), {"mesh": -1}, "mesh -1"),
    ],
)
def test_bad_input(atoms, settings, message):
    with pytest.raises(InputError, match=message):
        conductivity(atoms, EMT(), **SMALL | settings)


def test_matrices_beyond_all_memory_are_refused(copper, monkeypatch):
    _, folder = copper
    monkeypatch.setattr("equical.workflows.conductivity.transport.LARGEST_MATRIX", 1e3)
    with pytest.raises(InputError, match=r"collision matrices of \d+ modes .* take 0 GB: give a smaller --mesh"):
        conductivity(bulk("Cu"), Counted(), output=folder, resume=True, method="lbte", **SMALL)


def test_without_phono3py_one_line_says_what_to_install(monkeypatch):
    def no_phono3py(name, *rest):
        if name == "phono3py":
            raise ImportError(name)
        return imported(name, *rest)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", no_phono3py)
    with pytest.raises(InputError, match=r"pip install 'equical\[conductivity\]'"):
        conductivity(bulk("Cu"), EMT(), **SMALL)
