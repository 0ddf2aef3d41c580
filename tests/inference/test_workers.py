"""Threads on one core each: everything is computed, nothing is changed for the others."""

import threading

import pytest
import torch
from numpy.testing import assert_allclose

from equical.inference import batch
from equical.inference.batch import BatchEvaluator
from equical.inference.workers import WorkerThreads
from equical.model.frozen import freeze
from tests.inference.potentials import force_field
from tests.inference.test_batch import many
from tests.tolerances import EXACT, PATIENCE


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_each_thread_has_one_core_and_the_caller_keeps_its_own():
    barrier = threading.Barrier(2, timeout=PATIENCE)

    def look():
        barrier.wait()  # nobody is here twice
        return threading.get_ident(), torch.get_num_threads()

    with WorkerThreads(2) as workers:
        found = [future.result() for future in (workers.submit(look), workers.submit(look))]
        assert torch.get_num_threads() == 2
    assert {threads for _, threads in found} == {1}
    assert len({ident for ident, _ in found} | {threading.get_ident()}) == 3
    later = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


def test_a_single_one_is_the_caller():
    with WorkerThreads(1) as workers:
        assert workers.submit(threading.get_ident).result() == threading.get_ident()


@pytest.mark.parametrize("count", [1, 2])
def test_errors_reach_whoever_asks_for_the_result(count):
    with WorkerThreads(count) as workers:
        future = workers.submit(int, "platinum")
        with pytest.raises(ValueError, match="platinum"):
            future.result()


@pytest.mark.usefixtures("two_threads")
def test_batches_of_two_threads_are_those_of_each_structure_alone(monkeypatch):
    names, predict = set(), BatchEvaluator._predict
    monkeypatch.setattr(
        BatchEvaluator, "_predict", lambda *a: names.add(threading.current_thread().name) or predict(*a)
    )
    potential, structures = force_field(), many(60)
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in structures]
    found = list(BatchEvaluator(freeze(potential), memory=3e6).evaluate(graphs, forces=True, stress=False))
    assert len(names) == 3  # the first batch, which is measured, is the caller's
    assert len(found) == len(structures)
    for atoms, one in zip(structures, found, strict=True):
        expected = potential.predict(potential.graph(atoms))
        assert_allclose(float(one.energy), float(expected.energy), rtol=EXACT)
        assert_allclose(one.forces, expected.forces, atol=EXACT)


@pytest.mark.usefixtures("two_threads")
def test_a_structure_for_all_cores_is_not_given_to_one(monkeypatch):
    monkeypatch.setattr(batch, "CHUNK_EDGES", 1)
    names, predict = set(), BatchEvaluator._predict
    monkeypatch.setattr(
        BatchEvaluator, "_predict", lambda *a: names.add(threading.current_thread().name) or predict(*a)
    )
    potential = force_field()
    graphs = [lambda atoms=atoms: potential.graph(atoms) for atoms in many(8)]
    assert len(list(BatchEvaluator(freeze(potential)).evaluate(graphs, forces=False, stress=False))) == 8
    assert names == {threading.current_thread().name}
