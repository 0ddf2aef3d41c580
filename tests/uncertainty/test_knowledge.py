"""A calibrated model says how sure it is, and where it knows nothing."""

import copy
import pickle
import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from equical import EquiCalc, calibrate, load_checkpoint, md, relax
from equical.errors import InputError
from equical.uncertainty import OUTSIDE, UNCERTAINTY_FILE


def shaken(symbol: str, a: float, seed: int, size: int = 1) -> Atoms:
    atoms = bulk(symbol, "fcc", a=a, cubic=True) * (size, 1, 1)
    atoms.rattle(0.06, seed=seed)
    return atoms


def write_data(path, calculator, seeds) -> None:
    """Copper and aluminium, each on its own, at some densities, with the model's energies and a little noise."""
    images = []
    for seed in seeds:
        symbol, a = (("Cu", 3.6), ("Al", 4.05))[seed % 2]
        atoms = shaken(symbol, a * (1 + 0.01 * (seed % 5 - 2)), seed)
        energy = calculator.get_property("energy", atoms) + 0.02 * np.random.default_rng(seed).normal()
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        images.append(atoms)
    write(path, images)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory, tiny_checkpoint):
    """The tiny model with its uncertainty, and what its calibration said."""
    root = tmp_path_factory.mktemp("calibrated")
    shutil.copytree(tiny_checkpoint, root / "model")
    calculator = EquiCalc(tiny_checkpoint, device="cpu", dtype="float64")
    for name, seeds in (("data", range(40)), ("held", range(40, 64))):
        write_data(root / f"{name}.extxyz", calculator, seeds)
    data, held = ({"paths": root / f"{name}.extxyz", "forces_key": None} for name in ("data", "held"))
    with pytest.warns(
        UserWarning, match="the data hold no H, C, O, Na, .*: structures with them will count as outside"
    ):
        result = calibrate(root / "model", data, held)
    return root / "model", result


@pytest.fixture
def calculator(calibrated) -> EquiCalc:
    return EquiCalc(calibrated[0], device="cpu", dtype="float64")


def test_stated_errors_are_those_found_on_held_out_structures(calibrated):
    _, result = calibrated
    assert (result.structures, result.held_out) == (40, 24)
    assert result.elements == ("Al", "Cu")
    assert result.pairs == (2, 3)
    assert result.rmse == pytest.approx(5, rel=0.5)  # 0.02 eV of noise on four atoms
    assert 0.4 < result.within_one < 0.95
    assert result.within_two > 0.8
    stated = [group[0] for group in result.groups]
    assert stated == sorted(stated)
    assert result.outside < 0.2


def test_energy_std_comes_on_request_and_changes_nothing_else(calculator):
    atoms = shaken("Cu", 3.6, 100)
    energy = calculator.get_property("energy", atoms)
    assert "energy_std" not in calculator.results
    std = calculator.get_property("energy_std", atoms)
    assert 1e-3 < std < 0.2
    assert calculator.get_property("energy", atoms) == energy
    assert std == calculator.uncertainty(atoms).energy_std
    double = calculator.uncertainty(atoms * (2, 1, 1))
    assert double.energy_std == pytest.approx(2 * std, rel=1e-6)  # errors of like atoms are alike
    for other in (copy.deepcopy(calculator), pickle.loads(pickle.dumps(calculator))):
        assert other.get_property("energy_std", atoms) == std


def test_what_is_like_the_data_is_known(calculator):
    for symbol, a in (("Cu", 3.6), ("Al", 4.05)):
        found = calculator.uncertainty(shaken(symbol, a, 200))
        assert not found.outside
        assert found.distances.shape == (4,)
        assert (found.distances < OUTSIDE).all()


def test_a_pair_of_elements_never_seen_is_told_and_makes_the_energy_unsure(calculator):
    mixed = shaken("Cu", 3.8, 1)
    pure = calculator.uncertainty(mixed)
    mixed.symbols[:2] = "Al"
    found = calculator.uncertainty(mixed)
    assert any("Al-Cu were never neighbours in its data" in reason for reason in found.reasons)
    assert found.energy_std > 2 * pure.energy_std


def test_a_density_never_seen_is_told_and_makes_the_energy_unsure(calculator):
    usual = calculator.uncertainty(shaken("Cu", 3.6, 1))
    for a in (2.9, 4.6):
        found = calculator.uncertainty(shaken("Cu", a, 1))
        assert any(reason.startswith("the surroundings of atom ") for reason in found.reasons)
        assert found.distances.max() > OUTSIDE > usual.distances.max()
        assert found.energy_std > 2 * usual.energy_std


def test_an_element_that_was_not_in_the_data_is_told(calculator):
    found = calculator.uncertainty(bulk("Ni"))
    assert "Ni was not in its data" in found.reasons
    assert np.isinf(found.distances).all()


def test_relaxations_warn_where_they_begin_or_end_outside(calculator):
    inside, outside = shaken("Cu", 3.6, 3), shaken("Cu", 2.9, 3)
    assert not any("outside what the model knows" in warning for warning in relax(inside, calculator, steps=0).warnings)
    with pytest.warns(UserWarning, match="the structure to relax lies outside what the model knows"):
        result = relax(outside, calculator, steps=0)
    told = [warning for warning in result.warnings if "outside what the model knows" in warning]
    assert len(told) == 1
    assert "meV/atom" in told[0] and "\n" not in told[0]
    assert list(result.to_json()["warnings"]) == list(result.warnings)


def test_dynamics_warn_once_at_the_step_where_they_leave_what_is_known(calculator, monkeypatch):
    atoms, seen = shaken("Cu", 3.6, 3), []
    uncertainty = calculator.uncertainty

    def later(structure):
        seen.append(uncertainty(atoms if len(seen) < 2 else shaken("Cu", 2.9, 3)))
        return seen[-1]

    monkeypatch.setattr(calculator, "uncertainty", later)
    with pytest.warns(UserWarning, match="the structure at step 4 lies outside what the model knows"):
        result = md(atoms, calculator, steps=8, interval=2, ensemble="nve", temperature=50)
    assert sum("outside what the model knows" in warning for warning in result.warnings) == 1
    assert len(seen) == 3  # and is not asked again


def test_models_that_were_not_calibrated_say_so(tiny_calculator, copper):
    assert "energy_std" not in tiny_calculator.implemented_properties
    with pytest.raises(PropertyNotImplementedError):
        tiny_calculator.get_property("energy_std", copper)
    with pytest.raises(InputError, match="does not tell how sure it is: calibrate it with `equical calibrate`"):
        tiny_calculator.uncertainty(copper)


def test_uncertainty_of_other_weights_is_left_alone_and_damage_is_told(calibrated, tmp_path):
    folder, _ = calibrated
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    text = (other / "config.json").read_text("utf-8")
    weights = (other / "model.safetensors").read_bytes()
    assert load_checkpoint(other).knowledge is not None
    (other / UNCERTAINTY_FILE).write_bytes((folder / UNCERTAINTY_FILE).read_bytes()[:-100])
    with pytest.raises(InputError, match="uncertainty.safetensors is damaged: .*; remove it, or calibrate anew"):
        load_checkpoint(other)
    content = bytearray((folder / UNCERTAINTY_FILE).read_bytes())
    sha256 = load_checkpoint(folder).sha256.encode()
    start = content.index(sha256)
    content[start : start + 4] = b"ffff" if sha256[:4] != b"ffff" else b"0000"
    (other / UNCERTAINTY_FILE).write_bytes(content)
    assert load_checkpoint(other).knowledge is None
    assert (other / "config.json").read_text("utf-8") == text and (other / "model.safetensors").read_bytes() == weights


def test_unusable_data_are_refused(calibrated, tmp_path, tiny_checkpoint):
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, folder)
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    write_data(tmp_path / "few.extxyz", calculator, range(3))
    few = {"paths": tmp_path / "few.extxyz", "forces_key": None}
    with pytest.raises(InputError, match="needs 5 held-out structures at least, and data: there are 3 and 3"):
        calibrate(folder, few, few)
    assert not (folder / UNCERTAINTY_FILE).exists()
