"""Real CUDA graphs, on a real GPU."""

import time
import warnings

import numpy as np
import pytest
import torch
from ase.build import bulk
from numpy.testing import assert_allclose

from equical.inference.backends import CudaGraphBackend
from equical.inference.eager import EagerEvaluator
from equical.inference.executions import make_evaluator
from equical.inference.static import StaticEvaluator
from tests.conftest import TINY, make_structures, random_potential, waiting_is_an_error
from tests.inference.potentials import CONFIGS, force_field

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def on_gpu(kind="conservative", dtype=torch.float64):
    return force_field(kind).to("cuda", dtype)


def copper(repeats=2, seed=0):
    atoms = bulk("Cu", cubic=True) * (repeats, repeats, repeats)
    atoms.rattle(0.05, seed=seed)
    return atoms


def evaluate(of, atoms):
    stress = of.potential.predicts_stress and atoms.cell.rank == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # falling back would warn
        return of.evaluate(atoms, forces=True, stress=stress)


def assert_close(found, expected, tolerance):
    for name in ("energy", "atom_energies", "forces", "stress"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if other is not None:
            assert_allclose(one, other, rtol=0, atol=tolerance * max(1, other.abs().max().item()), err_msg=name)


@pytest.mark.parametrize("error_mode", ["global", "thread_local"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_replay_is_eager_is_cpu(kind, error_mode):
    of = StaticEvaluator(on_gpu(kind), CudaGraphBackend(error_mode))
    eager, host = EagerEvaluator(on_gpu(kind)), EagerEvaluator(force_field(kind))
    for atoms in make_structures().values():
        expected = evaluate(host, atoms)
        assert_close(evaluate(eager, atoms), expected, 1e-9)
        for _ in range(2):
            assert_close(evaluate(of, atoms), expected, 1e-9)
    assert of.stats.replays == 2 * len(make_structures()) and of.stats.fallbacks == 0
    assert of.stats.captures < of.stats.replays


def test_single_precision_replay_is_eager():
    of, eager = make_evaluator(on_gpu(dtype=torch.float32)), EagerEvaluator(on_gpu(dtype=torch.float32))
    for seed in range(3):
        assert_close(evaluate(of, copper(seed=seed)), evaluate(eager, copper(seed=seed)), 1e-5)
    assert of.stats.captures == 1


def test_changed_species_cell_and_weights_reach_the_graph():
    of, atoms = make_evaluator(on_gpu()), make_structures()["crystal"]
    evaluate(of, atoms)
    atoms.numbers[:2] = 78
    assert_close(evaluate(of, atoms), evaluate(EagerEvaluator(of.potential), atoms), 1e-9)
    atoms.set_cell(atoms.cell.array * 1.02, scale_atoms=True)
    assert_close(evaluate(of, atoms), evaluate(EagerEvaluator(of.potential), atoms), 1e-9)
    of.potential.load_state_dict(force_field(seed=2).state_dict())
    assert_close(evaluate(of, atoms), evaluate(EagerEvaluator(of.potential), atoms), 1e-9)
    assert of.stats.captures == 2


def test_graphs_that_share_a_pool_do_not_disturb_each_other():
    of, host = make_evaluator(on_gpu()), EagerEvaluator(force_field())
    sizes = [copper(1), copper(2), copper(3)]
    expected = [evaluate(host, atoms) for atoms in sizes]
    for order in ((0, 1, 2), (2, 1, 0), (1, 1, 0, 2)):
        for index in order:
            assert_close(evaluate(of, sizes[index]), expected[index], 1e-9)
    assert of.stats.captures == 3


def test_the_host_does_not_wait_within_a_step():
    of, atoms = make_evaluator(on_gpu()), copper()
    evaluate(of, atoms)
    (prepared,) = of._prepared.values()
    candidates, wraps = of._pairs(atoms)
    with waiting_is_an_error():
        prepared.inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, candidates)
        prepared.replay()


@pytest.mark.slow
def test_memory_does_not_grow_over_ten_thousand_replays():
    of, atoms = make_evaluator(on_gpu()), copper()
    rng = np.random.default_rng(0)
    used = []
    for step in range(10_000):
        atoms.positions += rng.normal(0, 1e-3, atoms.positions.shape)
        evaluate(of, atoms)
        if step in (100, 9_999):
            torch.cuda.synchronize()
            used.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    assert of.stats.replays == 10_000 and of.stats.fallbacks == 0
    assert used[1][0] <= used[0][0] and used[1][1] <= used[0][1]


@pytest.mark.slow
@pytest.mark.parametrize("repeats", [2, 3, 5, 8])  # 32 to 2048 atoms
def test_graphs_are_no_slower_than_eager_execution(repeats, capsys):
    """Timed on an idle GPU, and printed; where launches dominate, graphs must win clearly."""
    potential = random_potential(TINY.model_copy(update={"channels": 64, "cutoff": 5.0})).to("cuda", torch.float32)
    atoms, seconds = copper(repeats), {}
    for name in ("eager", "cuda-graph"):
        of, times = make_evaluator(potential, name), []
        for step in range(25):
            atoms.rattle(0.001, seed=step)
            start = time.perf_counter()
            evaluate(of, atoms)
            times.append(time.perf_counter() - start)
        seconds[name] = float(np.median(times[5:]))
    with capsys.disabled():
        print(f"{len(atoms)} atoms: eager {seconds['eager']:.4f} s, graph {seconds['cuda-graph']:.4f} s")
    assert seconds["cuda-graph"] < (0.6 if len(atoms) < 200 else 1.2) * seconds["eager"]
