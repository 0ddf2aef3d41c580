"""Standard deviations of forces are derivatives of what those of energies are made of."""

import numpy as np
import pytest

from equical import EquiCalc, calibrate
from equical.calculator import PROPERTIES
from equical.checkpoint import save_checkpoint
from equical.errors import InputError
from equical.uncertainty import neighbor_pairs, read_features
from tests.conftest import TINY, random_potential
from tests.uncertainty.structures import shaken, write_data

STEP = 1e-4
"""Å."""


def made_of(calculator: EquiCalc, atoms) -> np.ndarray:
    """What the square of a standard deviation is the sum of squares of, by the file beside the weights, in eV."""
    knowledge, potential = calculator.checkpoint.knowledge, calculator.checkpoint.potential
    graph = potential.graph(atoms)
    features, _ = read_features(potential, graph)
    known = knowledge.force_scale[0] * knowledge.posterior @ features.final.sum(axis=0)
    weights = neighbor_pairs(graph, potential.cutoff)
    share = weights[~knowledge.pairs].sum() / weights.sum()
    return np.append(known, knowledge.spread[0] * share * len(atoms))


@pytest.mark.parametrize("mixed", [False, True])
def test_they_are_lengths_of_derivatives(calculator, mixed):
    """Of the leverage and, where there are any, of pairs of elements never seen."""
    atoms = shaken("Cu", 3.7, 5)
    if mixed:
        atoms.symbols[:2] = "Al"
    found = calculator.get_property("forces_std", atoms)
    assert found.shape == (4, 3)
    for atom, axis in ((0, 0), (2, 1)):
        ends = []
        for step in (-STEP, STEP):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            ends.append(made_of(calculator, moved))
        expected = np.linalg.norm(ends[1] - ends[0]) / (2 * STEP)
        assert found[atom, axis] == pytest.approx(expected, rel=1e-5)


def test_they_come_on_request_and_are_of_the_size_of_the_errors(calculator, calibrated):
    atoms = shaken("Al", 4.05, 7)
    forces = calculator.get_property("forces", atoms)
    assert "forces_std" not in calculator.results
    std = calculator.get_property("forces_std", atoms)
    assert (std > 0).all() and (calculator.get_property("forces", atoms) == forces).all()
    assert calculator.uncertainty(atoms).forces_std is None
    assert (calculator.uncertainty(atoms, forces=True).forces_std == std).all()
    score = calibrated[1].forces
    assert score.rmse == pytest.approx(100, rel=0.2)  # meV/Å of noise
    assert 0.3 < score.within_one < 0.95
    (batched,) = calculator.batch([atoms], ["energy", "energy_std", "forces_std"])
    assert batched.results["energy_std"] == calculator.get_property("energy_std", atoms)
    assert (batched.results["forces_std"] == std).all()


def test_an_atom_without_neighbours_has_none(calculator):
    atoms = shaken("Cu", 30.0, 0)[:1]
    atoms.pbc = False
    assert (calculator.get_property("forces_std", atoms) == 0).all()


def test_models_without_proper_forces_tell_nothing_of_them(tmp_path, tiny_checkpoint):
    direct = tmp_path / "model"
    save_checkpoint(direct, random_potential(TINY.model_copy(update={"forces": "direct", "direct_stress": False})), {})
    write_data(tmp_path / "data.extxyz", EquiCalc(tiny_checkpoint, device="cpu"), range(12))
    with pytest.warns(UserWarning, match="the data hold no"):
        assert calibrate(direct, tmp_path / "data.extxyz", tmp_path / "data.extxyz").forces is None
    calculator = EquiCalc(direct, device="cpu")
    assert set(PROPERTIES) - set(calculator.implemented_properties) == {"stress", "forces_std"}
    assert calculator.get_property("energy_std", shaken("Cu", 3.6, 1)) > 0
    with pytest.raises(InputError, match="does not tell how sure it is of forces: that takes a conservative model"):
        calculator.uncertainty(shaken("Cu", 3.6, 1), forces=True)
