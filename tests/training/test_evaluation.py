import numpy as np
import pytest

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
