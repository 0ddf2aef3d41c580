"""torch-sim gets the numbers of the calculator, for many systems at once."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import bulk
from ase.stress import voigt_6_to_full_3x3_stress

from equical.calculator import EquiCalc
from equical.checkpoint import Checkpoint
from equical.errors import InputError
from equical.interfaces.torch_sim import torch_sim_model
from equical.model import Potential
from tests.conftest import TINY

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch-sim's dependencies

PERIODIC = ("crystal", "compound, skewed cell", "left-handed cell")


@pytest.fixture
def torch_sim():
    return pytest.importorskip("torch_sim")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_passes_the_tests_of_torch_sim(dtype, torch_sim):
    from torch_sim.models.interface import validate_model_outputs

    potential = Potential(TINY, [14, 26], reference_energies={14: -1.0, 26: -2.0}, dtype=torch.float64)
    model = torch_sim_model(EquiCalc(Checkpoint(potential, {}, "", "", Path()), device="cpu", dtype=dtype))
    validate_model_outputs(model, torch.device("cpu"), getattr(torch, dtype))


def test_a_system_that_cannot_be_evaluated_is_named(copper, tiny_calculator, torch_sim):
    state = torch_sim.io.atoms_to_state([copper, bulk("Fe")], torch.device("cpu"), torch.float64)
    with pytest.raises(InputError, match=r"System 1 cannot be evaluated: The model tiny does not cover Fe"):
        torch_sim_model(tiny_calculator)(state)


@pytest.mark.parametrize("names", [PERIODIC, ("molecule", "molecule in a box", "lonely atom")])
def test_gives_what_the_calculator_gives(names, structures, tiny_calculator, torch_sim):
    systems = [structures[name] for name in names]
    for atoms in systems:
        atoms.set_cell(atoms.cell.array @ [[1, 0.05, 0], [0, 1, 0], [0.02, 0, 1]], scale_atoms=True)  # not symmetric
    model = torch_sim_model(tiny_calculator)
    state = torch_sim.io.atoms_to_state(systems, torch.device("cpu"), torch.float64)
    found = model(state)
    start = 0
    for number, atoms in enumerate(systems):
        end = start + len(atoms)
        assert float(found["energy"][number]) == pytest.approx(tiny_calculator.get_potential_energy(atoms), abs=1e-6)
        np.testing.assert_allclose(found["forces"][start:end], tiny_calculator.get_forces(atoms), atol=1e-6)
        stress = np.full(6, np.nan) if atoms.cell.rank < 3 else tiny_calculator.get_stress(atoms)
        np.testing.assert_allclose(found["stress"][number], voigt_6_to_full_3x3_stress(stress), atol=1e-8)
        start = end
    model.compute_forces = model.compute_stress = False
    assert set(model(state)) == {"energy"}


def test_systems_relax_together(tiny_calculator, torch_sim):
    atoms = bulk("Cu", a=3.7, cubic=True)
    atoms.rattle(0.05, seed=1)
    model = torch_sim_model(tiny_calculator)
    state = torch_sim.io.atoms_to_state([atoms, atoms * (2, 1, 1)], torch.device("cpu"), torch.float64)
    before = model(state)["energy"]
    final = torch_sim.optimize(
        system=state, model=model, optimizer=torch_sim.optimizers.gradient_descent, max_steps=3, steps_between_swaps=3
    )
    assert (model(final)["energy"] < before).all()


def test_without_a_stress_none_is_promised(tiny_calculator, copper, torch_sim):
    tiny_calculator.implemented_properties = ["energy", "forces"]
    model = torch_sim_model(tiny_calculator)
    assert not model.compute_stress
    assert set(model(torch_sim.io.atoms_to_state([copper], torch.device("cpu"), torch.float64))) == {"energy", "forces"}
    with pytest.raises(NotImplementedError, match="predicts no stress"):
        model.compute_stress = True


def test_without_torch_sim_the_extra_is_named(monkeypatch, tiny_calculator):
    for name in ("torch_sim", "torch_sim.models", "torch_sim.models.interface"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=re.escape("pip install 'equical[torch-sim]'")):
        torch_sim_model(tiny_calculator)
