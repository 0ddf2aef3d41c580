"""A calibrated model says how sure it is, and where it knows nothing."""

import copy
import json
import pickle
import shutil
from functools import partial

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from safetensors import safe_open
from safetensors.numpy import save_file

from equical import EquiCalc, calibrate, load_checkpoint, md, relax
from equical.errors import InputError
from equical.uncertainty import OUTSIDE, UNCERTAINTY_FILE, Knowledge, Surroundings
from tests.uncertainty.structures import shaken, write_data


def test_stated_errors_are_those_found_on_held_out_structures(calibrated):
    _, result = calibrated
    assert (result.structures, result.held_out) == (160, 100)
    assert result.elements == ("Al", "Cu")
    assert result.pairs == (2, 3)
    assert result.energy.rmse == pytest.approx(5, rel=0.5)  # 0.02 eV of noise on four atoms
    assert 0.4 < result.energy.within_one < 0.95
    assert result.energy.within_two > 0.8
    stated = [group[0] for group in result.energy.groups]
    assert stated == sorted(stated)
    assert result.outside < 0.2
    assert result.plot.is_file() and result.plot.parent == result.output


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
        beyond = 1 - (1 / found.distances).mean()
        assert found.energy_std > 0.99 * beyond * len(found.distances) * calculator.checkpoint.knowledge.spread[0]


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
    assert result.outside_from == result.to_json()["outside_from"] == 4


def leaves_at(calculator: EquiCalc, limit: float, monkeypatch) -> None:
    """Let the calculator say that a structure is outside as soon as an atom has moved so far (Å) from its place."""
    start, inside, beyond = bulk("Cu", a=3.6, cubic=True), shaken("Cu", 3.6, 1), shaken("Cu", 2.9, 1)
    known, unknown = calculator.uncertainty(inside), calculator.uncertainty(beyond)

    def judge(structure):
        return unknown if np.abs(structure.positions - start.positions).max() > limit else known

    monkeypatch.setattr(calculator, "uncertainty", judge)


def test_dynamics_stop_where_they_leave_what_is_known_and_go_on_if_told_to(calculator, monkeypatch, tmp_path):
    atoms, folder = bulk("Cu", a=3.6, cubic=True), tmp_path / "run"
    leaves_at(calculator, 0.05, monkeypatch)
    run = partial(md, atoms, calculator, interval=2, ensemble="nve", temperature=600, output=folder)
    told = pytest.warns(UserWarning, match=r"the structure at step \d+ lies outside")
    with told, pytest.warns(UserWarning, match="stopped at step .*, outside what the model knows: resume without"):
        first = run(steps=40, stop_outside=True)
    assert not first.converged and 0 < first.steps == first.outside_from < 40 and first.steps % 2 == 0
    assert np.abs(first.atoms.positions - atoms.positions).max() > 0.05
    assert json.loads((folder / "result.json").read_text("utf-8"))["outside_from"] == first.steps
    with told, pytest.warns(UserWarning, match=f"stopped at step {first.steps} "):
        again = run(steps=40, stop_outside=True, resume=True)  # nothing has changed, and nothing happens
    assert again.steps == again.outside_from == again.resumed_from == first.steps
    with told:
        last = run(steps=40, resume=True)
    assert last.converged and last.steps == 40 and last.outside_from == first.steps
    assert sum("outside what the model knows" in warning for warning in last.warnings) == 1


def test_dynamics_that_could_never_stop_or_never_start_are_refused(calculator, tiny_calculator, tmp_path):
    run = partial(md, steps=4, stop_outside=True, output=tmp_path / "run")
    with pytest.raises(InputError, match="does not tell what lies outside of what it knows, so a run cannot stop by"):
        run(shaken("Cu", 3.6, 3), tiny_calculator)
    with pytest.raises(InputError, match="the structure to start from lies outside .*; or leave out stop_outside"):
        run(shaken("Cu", 2.9, 3), calculator)
    assert not (tmp_path / "run").exists()


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
    older = (folder / UNCERTAINTY_FILE).read_bytes().replace(b'"format":"3"', b'"format":"2"')
    assert older != (folder / UNCERTAINTY_FILE).read_bytes()
    (other / UNCERTAINTY_FILE).write_bytes(older)
    with pytest.raises(InputError, match="another version: remove it, or calibrate anew"):
        load_checkpoint(other)
    assert (other / "config.json").read_text("utf-8") == text and (other / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize("shape", [(), (0,), (3, 1, 2)])
def test_arrays_of_other_shapes_are_damage(calibrated, tmp_path, shape):
    folder, _ = calibrated
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    with safe_open(folder / UNCERTAINTY_FILE, "np") as file:
        notes, stored = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, array in stored.items():
        save_file(stored | {name: np.zeros(shape, array.dtype)}, other / UNCERTAINTY_FILE, notes)
        with pytest.raises(InputError, match="is damaged: .*; calibrate anew"):
            load_checkpoint(other)


def test_unusable_data_are_refused(calibrated, tmp_path, tiny_checkpoint):
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, folder)
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    write_data(tmp_path / "few.extxyz", calculator, range(3))
    few = {"paths": tmp_path / "few.extxyz", "forces_key": None}
    with pytest.raises(InputError, match="needs 5 held-out structures at least, and data: there are 3 and 3"):
        calibrate(folder, few, few)
    assert not (folder / UNCERTAINTY_FILE).exists()


def test_the_file_of_a_model_for_all_elements_is_small_and_holds_all(tmp_path):
    """89 elements and 128 features in a twentieth of the weights, and distances to a hundredth of what is usual."""
    rng, rows, width = np.random.default_rng(0), 119, 128
    known = np.arange(rows) % 4 != 0
    pairs = np.triu(rng.random((rows, rows)) < 0.5) & known & known[:, None]
    kept = 3 * rng.normal(size=(rows, 28, 16)) + 500 * rng.normal(size=(rows, 1, 16))  # of which float16 tells little
    knowledge = Knowledge(
        surroundings=Surroundings(
            projection=rng.normal(size=(16, width)),
            kept=kept * known[:, None, None],
            reach=(1 + rng.random(rows)) * known,
        ),
        trend=rng.normal(size=width),
        bounds=np.array([-1.0, 2.0]),
        posterior=np.tril(rng.normal(size=(width, width))),
        scales=np.array([0.1, 0.2]),
        spread=np.array([0.5]),
        force_scale=np.array([0.3]),
        pairs=pairs | pairs.T,
    )
    knowledge.write(tmp_path, "hash")
    assert (tmp_path / UNCERTAINTY_FILE).stat().st_size < 130_000
    back = Knowledge.read(tmp_path, "hash")
    for name, value in (vars(knowledge) | vars(knowledge.surroundings)).items():
        if name == "surroundings":
            continue
        found = getattr(back.surroundings if name in vars(knowledge.surroundings) else back, name)
        np.testing.assert_allclose(found, value, rtol=1e-6, atol=0.02 if name == "kept" else 0, err_msg=name)
