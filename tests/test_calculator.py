"""The manners of the calculator: right numbers, only what was asked, and nothing touched that is not its own."""

import copy
import os
import pickle
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator, PropertyNotImplementedError
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.constraints import FixAtoms
from numpy.testing import assert_allclose, assert_array_equal

from equical.calculator import EquiCalc
from equical.checkpoint import Checkpoint, load_checkpoint
from equical.errors import InputError, ModelChoice
from equical.inference.devices import find_device
from tests.conftest import TINY, make_structures, random_potential
from tests.tolerances import EXACT, PATIENCE, SINGLE


def calculator_of(potential, **options) -> EquiCalc:
    return EquiCalc(Checkpoint(potential, {}, "random", "0" * 64, Path()), **({"device": "cpu"} | options))


def everything(calculator, atoms) -> dict:
    names = ["energy", "energies", "forces", *(["stress"] if atoms.cell.rank == 3 else [])]
    return {name: calculator.get_property(name, atoms) for name in names}


def assert_same_bits(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert_array_equal(one[name], other[name], err_msg=name)


# Right numbers


def test_results_are_those_of_the_model_in_the_shapes_of_ase(tiny_calculator, tiny_potential, structure):
    prediction = tiny_potential.predict(tiny_potential.graph(structure), stress=True)
    structure.calc = tiny_calculator
    assert isinstance(tiny_calculator, Calculator)
    assert_allclose(structure.get_potential_energy(), prediction.energy[0], rtol=EXACT)
    assert structure.get_potential_energy(force_consistent=True) == structure.get_potential_energy()
    assert_allclose(structure.get_potential_energies(), prediction.atom_energies, rtol=EXACT)
    assert_allclose(structure.get_potential_energies().sum(), structure.get_potential_energy(), rtol=EXACT)
    assert_allclose(structure.get_forces(), prediction.forces, atol=EXACT)
    if structure.cell.rank == 3:
        (xx, xy, xz), (_, yy, yz), (_, _, zz) = prediction.stress[0].numpy()
        assert_allclose(structure.get_stress(), [xx, yy, zz, yz, xz, xy], atol=EXACT)
    assert type(tiny_calculator.results["energy"]) is float
    assert {tiny_calculator.results[name].dtype for name in ("energies", "forces")} == {np.dtype(np.float64)}


def test_signs_and_voigt_order_are_those_that_ase_finds_numerically(tiny_calculator, copper):
    copper.calc = tiny_calculator
    stress, forces = copper.get_stress(), copper.get_forces()
    assert len(set(np.round(stress, 8))) == 6  # no two components alike, so that no exchange goes unseen
    assert_allclose(calculate_numerical_stress(copper, eps=1e-4), stress, atol=1e-5 * np.abs(stress).max())
    assert_allclose(calculate_numerical_forces(copper, eps=1e-4), forces, atol=1e-5 * np.abs(forces).max())


def test_single_precision_is_close_to_double(tiny_checkpoint, tiny_calculator, structure):
    single, double = (
        everything(EquiCalc(tiny_checkpoint, device="cpu"), structure),
        everything(tiny_calculator, structure),
    )
    for name, exact in double.items():
        assert_allclose(single[name], exact, rtol=0, atol=SINGLE * max(1, np.abs(exact).max()), err_msg=name)


def test_single_precision_does_not_care_where_the_atoms_are(tiny_checkpoint, copper):
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    here = everything(calculator, copper)
    copper.positions += [12345.0, -7000.0, 0.5]
    for name, value in everything(calculator, copper).items():
        assert_allclose(value, here[name], rtol=0, atol=SINGLE, err_msg=name)


def test_repeated_evaluation_gives_the_same_bits(tiny_checkpoint, structure):
    one, other = (EquiCalc(tiny_checkpoint, device="cpu") for _ in range(2))
    first = everything(one, structure)
    one.reset()
    assert_same_bits(first, everything(one, structure))
    assert_same_bits(first, everything(other, structure))


# Only what is asked


@pytest.mark.parametrize("asked", [name for name in EquiCalc.implemented_properties if "_std" not in name])
def test_only_what_is_asked_for_appears(tiny_calculator, copper, asked):
    tiny_calculator.get_property(asked, copper)
    assert set(tiny_calculator.results) == {"energy", "free_energy", "energies"} | {asked}


def test_energies_are_had_without_differentiation(tiny_calculator, copper, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("differentiated")

    monkeypatch.setattr(torch.autograd, "grad", forbidden)
    tiny_calculator.get_property("energy", copper)
    tiny_calculator.get_property("energies", copper)
    with pytest.raises(AssertionError, match="differentiated"):
        tiny_calculator.get_property("forces", copper)


@pytest.mark.parametrize("order", [("forces", "stress", "energy"), ("stress", "forces", "energies")])
def test_forces_and_stress_of_a_structure_take_one_evaluation(tiny_calculator, copper, monkeypatch, order):
    evaluate, calls = tiny_calculator.evaluator.evaluate, []
    monkeypatch.setattr(tiny_calculator.evaluator, "evaluate", lambda *a, **k: calls.append(k) or evaluate(*a, **k))
    for name in order:
        tiny_calculator.get_property(name, copper)
    assert len(calls) == 1
    copper.positions[0] += 0.01
    for name in order:
        tiny_calculator.get_property(name, copper)
    assert len(calls) == 2


def test_who_asks_for_forces_after_energies_waits_for_one_evaluation_only(tiny_calculator, copper, monkeypatch):
    evaluate, calls = tiny_calculator.evaluator.evaluate, []
    monkeypatch.setattr(
        tiny_calculator.evaluator, "evaluate", lambda *a, **k: calls.append(k["forces"]) or evaluate(*a, **k)
    )
    alone = tiny_calculator.get_property("energy", copper)
    tiny_calculator.get_property("forces", copper)
    assert calls == [False, True] and tiny_calculator.get_property("energy", copper) == alone
    for _ in range(2):
        copper.positions[0] += 0.01
        tiny_calculator.get_property("energy", copper)
        assert "forces" not in tiny_calculator.results
        tiny_calculator.get_property("forces", copper)
    assert calls == [False, True, True, True]
    for _ in range(3):  # energies alone from here on
        copper.positions[0] += 0.01
        tiny_calculator.get_property("energy", copper)
    assert calls == [False, True, True, True, True, False, False]


# Nothing touched


def global_state() -> dict:
    return {
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "grad mode": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "torch random": torch.random.get_rng_state().tolist(),
        "numpy random": [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        "python random": random.getstate(),
        "numpy errors": np.geterr(),
        "environment": dict(os.environ),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_global_state_stays_as_it_is(tiny_checkpoint, copper, dtype):
    before = global_state()
    everything(EquiCalc(tiny_checkpoint, dtype=dtype, device="cpu"), copper)
    assert global_state() == before


def test_global_state_does_not_matter_either(tiny_checkpoint, copper):
    expected = everything(EquiCalc(tiny_checkpoint, device="cpu"), copper)
    try:
        torch.set_default_dtype(torch.float64)
        assert_same_bits(everything(EquiCalc(tiny_checkpoint, device="cpu"), copper), expected)
    finally:
        torch.set_default_dtype(torch.float32)
    loaded = load_checkpoint(tiny_checkpoint)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert_same_bits(everything(EquiCalc(tiny_checkpoint, device="cpu"), copper), expected)
            assert_same_bits(everything(EquiCalc(loaded, device="cpu"), copper), expected)
            loaded_here = load_checkpoint(tiny_checkpoint)
    assert_same_bits(everything(EquiCalc(loaded_here, device="cpu"), copper), expected)


def test_structures_are_not_written_to(tiny_calculator, structure):
    structure.info["note"] = "mine"
    structure.set_array("weights", np.arange(len(structure)))
    structure.positions += 3 * structure.cell.array.sum(axis=0)  # outside the cell, to tempt it to wrap
    structure.set_constraint(FixAtoms([0]))
    before = structure.copy()
    structure.calc = tiny_calculator
    everything(tiny_calculator, structure)
    assert structure == before
    assert structure.info == before.info
    assert structure.arrays.keys() == before.arrays.keys()
    for name, values in before.arrays.items():
        assert_array_equal(structure.arrays[name], values)


def test_results_are_the_callers_own(tiny_calculator, copper):
    copper.calc = tiny_calculator
    forces = copper.get_forces()
    expected = forces.copy()
    forces *= 0
    assert_array_equal(copper.get_forces(), expected)


def test_a_loaded_model_that_is_handed_in_stays_as_it_is(copper):
    potential = random_potential().train()
    checkpoint = Checkpoint(potential, {}, "mine", "0" * 64, Path())
    calculator = EquiCalc(checkpoint, device="cpu", dtype="float32")
    everything(calculator, copper)
    assert potential.dtype == torch.float64
    assert potential.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in potential.parameters())
    with torch.no_grad():
        for parameter in potential.parameters():
            parameter.zero_()
    assert calculator.checkpoint.name == "mine"
    before = everything(calculator, copper)
    calculator.reset()
    assert_same_bits(everything(calculator, copper), before)


# Copies, reuse


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda calculator: pickle.loads(pickle.dumps(calculator))])
@pytest.mark.parametrize("used", [True, False])
def test_copies_give_the_same_bits_and_go_their_own_way(tiny_checkpoint, structures, duplicate, used):
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    if used:
        everything(calculator, structures["crystal"])
    twin = duplicate(calculator)
    everything(twin, structures["molecule"])
    assert_same_bits(everything(calculator, structures["crystal"]), everything(twin, structures["crystal"]))
    assert twin.checkpoint.sha256 == calculator.checkpoint.sha256
    assert twin.evaluator.potential is twin.checkpoint.potential is not calculator.checkpoint.potential
    assert twin.parameters == calculator.parameters


def test_atoms_with_their_calculator_survive_pickling(tiny_calculator, copper):
    copper.calc = tiny_calculator
    energy = copper.get_potential_energy()
    assert pickle.loads(pickle.dumps(copper)).get_potential_energy() == energy


@pytest.mark.parametrize("seed", range(2))
def test_one_calculator_serves_different_structures_in_any_order(tiny_checkpoint, seed):
    structures = make_structures()
    fresh = {name: everything(EquiCalc(tiny_checkpoint, device="cpu"), atoms) for name, atoms in structures.items()}
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    for name in np.random.default_rng(seed).choice(list(structures), 16):
        assert_same_bits(everything(calculator, structures[name]), fresh[name])


@pytest.mark.parametrize("change", ["positions", "cell", "pbc", "numbers"])
def test_every_change_of_a_structure_is_noticed(tiny_calculator, copper, change):
    copper.calc = tiny_calculator
    before = copper.get_potential_energy(), copper.get_forces(), copper.get_stress()
    if change == "positions":
        copper.positions[1, 1] += 0.01
    elif change == "cell":
        copper.set_cell(copper.cell.array * 1.01)
    elif change == "pbc":
        copper.pbc[2] = False
    else:
        copper.numbers[0] = 28
    after = copper.get_potential_energy(), copper.get_forces(), copper.get_stress()
    for old, new in zip(before, after, strict=True):
        assert np.abs(np.asarray(new) - old).max() > 1e-6


def test_magnetic_moments_and_charges_change_nothing(tiny_calculator, copper):
    before = tiny_calculator.get_property("energy", copper)
    copper.set_initial_magnetic_moments([1.0] * 4)
    copper.set_initial_charges([0.5] * 4)
    assert tiny_calculator.get_property("energy", copper) == before


# Threads


def test_threads_that_share_a_calculator_each_get_the_numbers_of_their_own_structure(tiny_checkpoint, monkeypatch):
    structures = make_structures()
    expected = {name: everything(EquiCalc(tiny_checkpoint, "cpu"), atoms) for name, atoms in structures.items()}
    calculator = EquiCalc(tiny_checkpoint, "cpu")
    evaluate = calculator.evaluator.evaluate

    def slowly(*arguments, **keywords):
        time.sleep(0.002)  # lets the others come in between
        found = evaluate(*arguments, **keywords)
        time.sleep(0.002)
        return found

    monkeypatch.setattr(calculator.evaluator, "evaluate", slowly)

    def ask(name):
        atoms = structures[name].copy()
        atoms.calc = calculator
        return name, {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}

    with ThreadPoolExecutor(4) as threads:
        for name, found in threads.map(ask, list(structures) * 3):
            assert_same_bits(found, {key: expected[name][key] for key in found})


def test_a_calculator_that_is_copied_while_another_thread_computes(tiny_calculator, copper):
    energy = tiny_calculator.get_property("energy", copper)
    with tiny_calculator._lock:
        for twin in (copy.deepcopy(tiny_calculator), pickle.loads(pickle.dumps(tiny_calculator))):
            with ThreadPoolExecutor(1) as thread:  # a copy does not wait for the lock of the original
                assert thread.submit(twin.get_property, "energy", copper).result(timeout=PATIENCE) == energy


# Stress only where there is one


def test_a_molecule_has_no_stress_and_keeps_its_energy(tiny_calculator, copper):
    """Also after a refusal, the numbers are those of the structure asked about."""
    tiny_calculator.get_property("stress", copper)
    atoms = molecule("H2O")
    atoms.calc = tiny_calculator
    with pytest.raises(PropertyNotImplementedError, match="needs a cell with three lattice vectors, .* has 0"):
        atoms.get_stress()
    expected = copy.deepcopy(tiny_calculator)
    expected.reset()
    assert atoms.get_potential_energy() == expected.get_property("energy", molecule("H2O"))
    assert atoms.get_forces().shape == (3, 3)


def test_a_slab_in_a_cell_has_a_stress_with_the_vacuum_in_its_volume(tiny_calculator, structures):
    slab = structures["slab"]
    assert slab.pbc.tolist() == [True, True, False]
    stress = tiny_calculator.get_property("stress", slab)
    assert np.abs(stress).max() > 1e-4
    slab.cell[2] *= 2
    assert_allclose(tiny_calculator.get_property("stress", slab), stress / 2, atol=EXACT)


def test_a_model_without_a_stress_head_does_not_claim_stresses(copper):
    without = TINY.model_copy(update={"forces": "direct", "direct_stress": False})
    calculator = calculator_of(random_potential(without))
    assert calculator.implemented_properties == ["energy", "free_energy", "energies", "forces"]
    assert calculator.get_property("forces", copper).shape == (4, 3)
    with pytest.raises(PropertyNotImplementedError):
        calculator.get_property("stress", copper)
    assert "stress" in EquiCalc.implemented_properties


def test_direct_models_give_forces_and_stress_of_their_heads(copper):
    potential = random_potential(TINY.model_copy(update={"forces": "direct"}))
    prediction = potential.predict(potential.graph(copper), stress=True)
    found = everything(calculator_of(potential, dtype="float64"), copper)
    assert_allclose(found["forces"], prediction.forces, atol=EXACT)
    assert_allclose(found["stress"][:3], prediction.stress[0].diagonal(), atol=EXACT)


# Refusals


def refusal(call, *words) -> str:
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


def test_elements_that_are_not_covered_are_refused_by_symbol(tiny_calculator):
    atoms = Atoms("FeCuHeFe", positions=np.arange(4)[:, None] * [2.0, 0, 0])
    atoms.calc = tiny_calculator
    refusal(atoms.get_potential_energy, "The model tiny does not cover He, Fe; it covers H, C, O, Na, Al")
    assert tiny_calculator.elements[:3] == ["H", "C", "O"]
    refusal(atoms.get_forces, "does not cover")
    atoms.symbols[[0, 2, 3]] = "Cu"
    atoms.get_potential_energy()


def test_a_shipped_model_that_covers_the_structure_is_named(tiny_calculator):
    lithium, helium = bulk("Li"), Atoms("LiHe", [[0, 0, 0], [2, 0, 0]])
    lithium.calc = helium.calc = tiny_calculator
    refusal(
        lithium.get_potential_energy, "does not cover Li;", "Shipped models that are made for this structure: metal"
    )
    refusal(helium.get_potential_energy, "does not cover He, Li; it covers", "No shipped model", "convert", "finetune")


@pytest.mark.parametrize("name", ["energy", "forces", "stress"])
def test_structures_that_cannot_be_meant_are_refused_each_time(tiny_calculator, copper, name):
    def ask(atoms):
        return lambda: tiny_calculator.get_property(name, atoms)

    ask(copper)()
    for value in (np.nan, np.inf):
        broken = copper.copy()
        broken.positions[2, 1] = value
        refusal(ask(broken), "Atom 2 has the position", str(value))
        refusal(ask(broken), "Atom 2 has the position")
    doubled = copper + copper[1:2]
    refusal(ask(doubled), "Atoms 1 and 4 coincide")
    flat = copper.copy()
    flat.set_cell([3.6, 3.6, 0])
    if name != "stress":
        refusal(ask(flat), "no volume")
    endless = copper.copy()
    endless.set_cell([3.6, np.nan, 3.6])
    if name != "stress":
        refusal(ask(endless), "not finite")
    refusal(ask(Atoms()), "has no atoms")
    assert np.isfinite(ask(copper)()).all()


def test_convolutions_in_bfloat16_are_close_and_asked_for(tiny_checkpoint, copper):
    exact, reduced = EquiCalc(tiny_checkpoint, "cpu"), EquiCalc(tiny_checkpoint, "cpu", convolutions="bfloat16")
    forces, narrow = exact.get_property("forces", copper), reduced.get_property("forces", copper)
    assert 1e-7 < abs(narrow - forces).max() < 0.05 * abs(forces).max()
    assert narrow.dtype == np.float64 and reduced.parameters["convolutions"] == "bfloat16"
    assert "convolutions" not in exact.parameters
    duplicate = copy.deepcopy(reduced)
    assert_array_equal(duplicate.get_property("forces", copper), narrow)
    with pytest.raises(InputError, match="convolutions must be bfloat16, or left out, not 'half'"):
        EquiCalc(tiny_checkpoint, "cpu", convolutions="half")


def test_unknown_devices_and_types_are_refused(tiny_checkpoint, monkeypatch):
    for device in ("gpu", "cuda:x", "", 3.5, "meta"):
        refusal(lambda device=device: EquiCalc(tiny_checkpoint, device=device), "device")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    refusal(lambda: EquiCalc(tiny_checkpoint, device="cuda"), "'cuda'", "0 CUDA devices", "use auto or cpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    refusal(lambda: EquiCalc(tiny_checkpoint, device="cuda:1"), "'cuda:1'", "1 CUDA device")
    for dtype in ("float16", "double", torch.float64, None):
        refusal(lambda dtype=dtype: EquiCalc(tiny_checkpoint, dtype=dtype), "float32, float64")


@pytest.mark.parametrize(("available", "device"), [(True, "cuda"), (False, "cpu")])
def test_automatic_device_is_the_gpu_where_there_is_one(monkeypatch, available, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert find_device("auto") == torch.device(device)


def test_unknown_models_are_refused(tmp_path):
    refusal(lambda: EquiCalc("metals-xc"), "no model 'metals-xc'")
    refusal(lambda: EquiCalc(tmp_path), "config.json")


def test_settings_are_told_and_cannot_be_changed_afterwards(tiny_checkpoint, tiny_calculator):
    sha256 = load_checkpoint(tiny_checkpoint).sha256
    settings = {"model": "tiny", "sha256": sha256, "device": "cpu", "dtype": "float64", "execution": "auto"}
    assert tiny_calculator.todict() == settings
    refusal(lambda: tiny_calculator.set(dtype="float32"), "cannot change dtype")
    assert tiny_calculator.parameters["dtype"] == "float64"
    assert tiny_calculator.set() == {}


def test_calculation_is_written_nowhere(tiny_calculator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    everything(tiny_calculator, bulk("Cu"))
    assert list(tmp_path.iterdir()) == []


# Which model


def test_auto_takes_the_model_made_for_the_first_structure_and_stays_with_it(shelf, copper):
    copper.calc = calculator = EquiCalc()
    assert calculator.parameters["model"] == "auto"
    assert calculator.stats.evaluations == 0
    refusal(lambda: calculator.elements, "depends on the first structure", "name a model")
    with pytest.warns(ModelChoice, match="model metals for bulk Cu4"):
        energy = copper.get_potential_energy()
    assert calculator.parameters["model"] == calculator.checkpoint.name == calculator.choice.name == "metals"
    assert calculator.parameters["sha256"] == calculator.checkpoint.sha256
    assert energy == EquiCalc(shelf["metals"]).get_property("energy", copper)
    platinum = bulk("Pt")
    platinum.calc = calculator
    refusal(platinum.get_forces, "The model metals does not cover Pt", "earlier structure", "another EquiCalc")
    for other in (pickle.loads(pickle.dumps(calculator)), copy.deepcopy(calculator)):
        assert other.get_property("energy", copper) == energy


def test_auto_decides_before_a_batch_and_on_request(shelf, copper):
    undecided = copy.deepcopy(EquiCalc())
    with pytest.warns(ModelChoice, match="model everything for 2 of 2 structures"):
        found = undecided.batch([copper, bulk("Pt")])
    assert [one.error for one in found] == [None, None]
    calculator = EquiCalc()
    with pytest.warns(ModelChoice, match="model everything"):
        calculator.choose([copper, bulk("Pt")])
    calculator.choose(copper)  # which changes nothing any more
    assert calculator.checkpoint.name == "everything"


def test_auto_refuses_what_no_model_is_made_for_and_serves_the_next_structure(shelf, copper):
    iron, calculator = bulk("Fe"), EquiCalc()
    iron.calc = copper.calc = calculator
    refusal(iron.get_potential_energy, "no shipped model is made for bulk Fe", "convert", "finetune")
    refusal(Atoms(calculator=calculator).get_potential_energy, "no atoms")
    with pytest.warns(ModelChoice):
        copper.get_potential_energy()


def test_wrong_settings_are_refused_before_a_model_is_chosen():
    for wrong in ({"execution": "magic"}, {"device": "tpu"}, {"dtype": "float8"}, {"convolutions": "int8"}):
        refusal(lambda wrong=wrong: EquiCalc(**wrong), *wrong)
