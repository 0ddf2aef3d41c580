"""Many structures at a time: the numbers of each alone, in order, within the memory there is."""

import copy

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from numpy.testing import assert_allclose

from equical import EquiCalc
from equical.errors import InputError
from equical.inference import batch
from equical.inference.batch import BatchEvaluator
from equical.inference.memory import PeakMemory
from equical.model.frozen import freeze
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field
from tests.tolerances import EXACT


def many(count=20):
    structures = list(make_structures().values())
    chosen = [structures[index % len(structures)].copy() for index in range(count)]
    for seed, atoms in enumerate(chosen):
        atoms.rattle(0.05, seed=seed)
    return chosen


def batches(monkeypatch):
    """Sizes of the batches that are evaluated."""
    sizes, predict = [], BatchEvaluator._predict
    monkeypatch.setattr(
        BatchEvaluator, "_predict", lambda self, batch, *a: sizes.append(len(batch.graphs)) or predict(self, batch, *a)
    )
    return sizes


def test_results_are_those_of_each_structure_alone(tiny_calculator, monkeypatch):
    sizes, structures = batches(monkeypatch), many()
    found = tiny_calculator.batch(structures, ["energy", "forces", "stress"])
    assert sum(sizes) == len(structures) and len(sizes) < len(structures) / 3
    for atoms, one in zip(structures, found, strict=True):
        assert one.error is None
        names = {"energy", "free_energy", "energies", "forces"} | ({"stress"} if atoms.cell.rank == 3 else set())
        assert set(one.results) == names
        for name in names:
            expected = tiny_calculator.get_property(name, atoms)
            assert_allclose(one.results[name], expected, rtol=EXACT, atol=EXACT, err_msg=name)


def test_structures_that_cannot_be_evaluated_are_told_and_the_others_are_not_lost(tiny_calculator):
    structures = many(9)
    expected = [one.results["energy"] for one in tiny_calculator.batch(structures)]
    broken = structures[0].copy()
    broken.positions[0, 0] = np.nan
    together = structures[1] + structures[1][:1]
    bad = {0: (broken, "Atom 0 has the position"), 4: (Atoms("He"), "does not cover He"), 7: (Atoms(), "no atoms"),
           8: (together, "coincide")}  # fmt: skip
    for place, (atoms, _) in bad.items():
        structures.insert(place, atoms)
    found = tiny_calculator.batch(iter(structures))
    assert len(found) == len(structures)
    for place, (_, reason) in bad.items():
        assert reason in found[place].error and found[place].results == {}
    good = [one for place, one in enumerate(found) if place not in bad]
    assert [one.error for one in good] == [None] * len(expected)
    assert_allclose([one.results["energy"] for one in good], expected, rtol=EXACT)


def test_only_bad_structures_and_none_at_all(tiny_calculator):
    assert tiny_calculator.batch([]) == []
    assert "does not cover" in tiny_calculator.batch([Atoms("He")])[0].error


def test_energies_that_are_no_numbers_are_told(tiny_checkpoint):
    calculator = EquiCalc(tiny_checkpoint, device="cpu")
    platinum = Atoms("Pt", cell=[3, 3, 3], pbc=True)
    with torch.no_grad():
        calculator.checkpoint.potential.reference_energies[78] = torch.inf
    found = calculator.batch([Atoms("Cu"), platinum, molecule("H2O")])
    assert [one.error is None for one in found] == [True, False, True]
    assert "not a finite number" in found[1].error


def test_the_calculators_own_results_stay(tiny_calculator, copper):
    copper.calc = tiny_calculator
    energy, before = copper.get_potential_energy(), copy.deepcopy(tiny_calculator.results)
    structures = many(4)
    arrays = [atoms.copy() for atoms in structures]
    tiny_calculator.batch(structures)
    assert tiny_calculator.results.keys() == before.keys() and copper.get_potential_energy() == energy
    assert structures == arrays


def test_properties_that_are_not_predicted_are_refused(tiny_calculator):
    with pytest.raises(InputError, match="does not predict charges, dipole; it predicts energy"):
        tiny_calculator.batch(many(1), ["dipole", "energy", "charges"])
    with pytest.raises(InputError, match="memory budget"):
        tiny_calculator.batch(many(1), memory=0)


@pytest.mark.parametrize("kind", ["conservative", "direct", "EquiformerV2"])
def test_the_budget_of_memory_is_kept(kind, monkeypatch):
    potential, budget = force_field(kind), 3e6
    structures = many(40)
    peaks, predict = [], BatchEvaluator._predict

    def measured(*arguments):
        with PeakMemory() as used:
            found = predict(*arguments)
        peaks.append(used.peak)
        return found

    monkeypatch.setattr(BatchEvaluator, "_predict", measured)
    evaluator = BatchEvaluator(freeze(potential), budget)
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in structures]
    energies = [float(one.energy) for one in evaluator.evaluate(graphs, forces=True, stress=True)]
    at_a_time = min(len(peaks) - 1, torch.get_num_threads())
    assert 0.2 * budget < max(peaks) * at_a_time < 1.2 * budget
    assert_allclose(energies, [float(potential.predict(potential.graph(atoms)).energy) for atoms in structures])


def test_memory_is_measured_once_with_derivatives_and_once_without(monkeypatch):
    measured = []

    class Counted(PeakMemory):
        def __enter__(self):
            measured.append(self)
            return super().__enter__()

    monkeypatch.setattr(batch, "PeakMemory", Counted)
    potential = force_field()
    frozen = freeze(potential)
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in many(20)]
    for forces, times in [(True, 1), (True, 1), (False, 2), (False, 2), (True, 2)]:
        assert len(list(BatchEvaluator(frozen).evaluate(graphs, forces=forces, stress=False))) == 20
        assert len(measured) == times


def test_where_memory_runs_out_batches_are_halved(monkeypatch):
    potential, predict = force_field(), BatchEvaluator._predict

    def small_machine(self, batch, forces, stress):
        if len(batch.graphs) > 2 or any(graph.num_atoms > 8 for graph in batch.graphs):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(self, batch, forces, stress)

    monkeypatch.setattr(BatchEvaluator, "_predict", small_machine)
    structures = [*many(8), make_structures()["crystal"] * (3, 1, 1), *many(3)]
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in structures]
    found = list(BatchEvaluator(freeze(potential)).evaluate(graphs, forces=True, stress=False))
    assert "not enough memory for this structure of 12 atoms" in str(found.pop(8))
    del structures[8]
    for atoms, one in zip(structures, found, strict=True):
        assert_allclose(float(one.energy), float(potential.predict(potential.graph(atoms)).energy), rtol=EXACT)


def test_results_come_as_soon_as_they_are_there(monkeypatch):
    monkeypatch.setattr(batch, "PROBE_COST", 1)
    potential, taken = force_field(), []

    def graphs():
        for atoms in many(6):
            taken.append(atoms)
            yield lambda atoms=atoms: potential.graph(atoms)

    evaluator = BatchEvaluator(freeze(potential), memory=1.0)
    results = evaluator.evaluate(graphs(), forces=False, stress=False)
    next(results)
    assert len(taken) < 4


@pytest.mark.parametrize("kind", CONFIGS)
def test_all_kinds_of_models(kind):
    potential = force_field(kind)
    structures = many(8)
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in structures]
    found = BatchEvaluator(freeze(potential)).evaluate(graphs, forces=True, stress=potential.predicts_stress)
    for atoms, one in zip(structures, found, strict=True):
        expected = potential.predict(potential.graph(atoms))
        assert_allclose(one.forces, expected.forces, atol=EXACT)


class TestPeakMemory:
    def test_tensors_count_while_they_live(self):
        with PeakMemory() as used:
            first = torch.zeros(1000)
            second = first + 1
            assert (used.live, used.peak) == (8000, 8000)
            view = second.view(10, 100)
            del first, second
            assert used.live == 4000
            view.add_(1)
            del view
            assert (used.live, used.peak) == (0, 8000)

    def test_what_a_derivative_needs_is_kept(self):
        x = torch.ones(1000, requires_grad=True)
        with PeakMemory() as used:
            y = x.exp().sin()
            assert used.live == 8000  # exp(x) is needed for both derivatives
            torch.autograd.grad(y.sum(), x)
            assert used.peak >= 12000
