import json

import numpy as np
import pytest
import torch
from ase.io import write

import equical
from equical import EquiCalc, InputError, load_checkpoint
from equical.training.data.dataset import read_frames
from equical.training.evaluation import evaluate_model
from tests.training.labelled import copper, data, write_copper


@pytest.fixture
def config(tmp_path):
    return data(write_copper(tmp_path, 5), group_key="run")


def test_errors_are_those_of_the_calculator(config, tiny_model):
    """Against ASE, one structure after the other."""
    images, frames = copper(5), read_frames(config)
    calculator = EquiCalc(tiny_model)
    energy, forces, stress = [], [], []
    for atoms in images:
        energy.append((calculator.get_property("energy", atoms) - atoms.get_potential_energy()) / len(atoms))
        forces.append(calculator.get_property("forces", atoms) - atoms.get_forces())
        stress.append(calculator.get_property("stress", atoms) - atoms.get_stress())
    result = evaluate_model(load_checkpoint(tiny_model).potential, frames, config)
    assert result.errors["energy_mae_meV_per_atom"] == pytest.approx(1000 * np.mean(np.abs(energy)), rel=1e-4)
    assert result.errors["forces_mae_meV_per_A"] == pytest.approx(1000 * np.mean(np.abs(forces)), rel=1e-4)
    full = np.array(stress)[:, [0, 1, 2, 3, 3, 4, 4, 5, 5]]
    assert result.errors["stress_rmse_meV_per_A3"] == pytest.approx(1000 * np.sqrt(np.mean(full**2)), rel=1e-4)
    assert (result.structures, result.atoms) == (5, 20)
    assert result.by_group.keys() == {"run0", "run1", "run2"}
    assert result.by_element.keys() == {"Ni", "Cu"}


def test_another_zero_of_energy_can_be_taken_out(config, tiny_model):
    from dataclasses import replace

    frames = read_frames(config)
    offset = [replace(frame, energy=frame.energy + 100.0 * len(frame.atoms)) for frame in frames]
    potential = load_checkpoint(tiny_model).potential
    plain = evaluate_model(potential, frames, config, shift_references=True)
    shifted = evaluate_model(potential, offset, config, shift_references=True)
    assert shifted.errors == pytest.approx(plain.errors)
    assert shifted.shift.energies[29] - plain.shift.energies[29] == pytest.approx(100.0)
    assert evaluate_model(potential, offset, config).errors["energy_mae_meV_per_atom"] > 9e4


def test_forces_on_fixed_atoms_count(config, tiny_model):
    frames = read_frames(config)
    for frame in frames:
        frame.fixed[:] = True
    assert "forces_mae_meV_per_A" in evaluate_model(load_checkpoint(tiny_model).potential, frames, config).errors


def test_elements_that_are_not_covered(config, tiny_model):
    frames = read_frames(config)
    frames[0].atoms.symbols[0] = "Au"
    with pytest.raises(InputError, match="the model does not cover Au; it covers H, C"):
        evaluate_model(load_checkpoint(tiny_model).potential, frames, config)


def test_the_function_evaluates_files(config, tiny_model, tmp_path):
    result = equical.evaluate(tiny_model, config, device="cpu", output=tmp_path / "out")
    assert result.converged and result.warnings == () and result.data == ("copper.extxyz",)
    written = json.loads((tmp_path / "out" / "result.json").read_text())
    assert written["errors"] == result.errors
    assert written["units"].keys() >= result.errors.keys()
    again = equical.evaluate(tiny_model, config.paths[0], device="cpu")
    assert again.errors == result.errors and again.output is None


def test_earlier_results_stay_until_the_data_are_accepted(config, tiny_model, tmp_path):
    out = tmp_path / "out"
    equical.evaluate(tiny_model, config, device="cpu", output=out)
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    images = copper(2)
    images[0].symbols[0] = "Au"
    write(tmp_path / "gold.extxyz", images)
    for path in (tmp_path / "missing.xyz", tmp_path / "gold.extxyz"):
        with pytest.raises(InputError):
            equical.evaluate(tiny_model, path, device="cpu", output=out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="no such file"):
        equical.evaluate(tiny_model, tmp_path / "missing.xyz", output=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_predictions_that_are_no_numbers_do_not_count_as_success(config, tiny_model):
    potential = load_checkpoint(tiny_model).potential
    with torch.no_grad():
        next(potential.network.energy_head.parameters()).fill_(float("nan"))
    frames = read_frames(config)
    with pytest.warns(UserWarning, match=r"no number for 5 of 5 structures: .*copper.extxyz, frame 0"):
        result = evaluate_model(potential, frames, config)
    assert not result.converged
