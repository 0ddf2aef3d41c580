"""The names of executions, what they choose, and where they are refused."""

import shutil

import pytest
import torch

from equical import EquiCalc
from equical.errors import InputError
from equical.inference.backends import CompiledBackend, CudaGraphBackend, DirectBackend
from equical.inference.eager import EagerEvaluator
from equical.inference.executions import EXECUTIONS, make_evaluator
from equical.inference.static import StaticEvaluator
from tests.conftest import make_structures
from tests.inference.potentials import force_field
from tests.tolerances import EXACT, SINGLE


def chosen(execution, device):
    evaluator = make_evaluator(force_field().to(device), execution)
    return type(evaluator), type(getattr(evaluator, "backend", None))


@pytest.mark.parametrize(
    ("execution", "evaluator", "backend"),
    [
        ("auto", EagerEvaluator, type(None)),
        ("eager", EagerEvaluator, type(None)),
        ("static", StaticEvaluator, DirectBackend),
        ("compile", StaticEvaluator, CompiledBackend),
    ],
)
def test_executions_on_a_cpu(execution, evaluator, backend):
    assert chosen(execution, "cpu") == (evaluator, backend)


def test_cuda_graphs_on_a_gpu(monkeypatch):
    """Only the choice is looked at, which needs no GPU: the force field is told that it is on one."""
    potential = force_field()
    monkeypatch.setattr(type(potential.reference_energies), "device", torch.device("cuda"))
    for execution in ("auto", "cuda-graph"):
        evaluator = make_evaluator(potential, execution)
        assert isinstance(evaluator, StaticEvaluator) and isinstance(evaluator.backend, CudaGraphBackend)
    assert isinstance(make_evaluator(potential, "eager"), EagerEvaluator)


def test_refusals(tiny_checkpoint):
    with pytest.raises(InputError, match="execution must be one of auto, eager, static, cuda-graph, compile"):
        EquiCalc(tiny_checkpoint, device="cpu", execution="fast")
    with pytest.raises(InputError, match="needs a CUDA device"):
        EquiCalc(tiny_checkpoint, device="cpu", execution="cuda-graph")


@pytest.mark.parametrize("execution", ["eager", "static"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_calculator_gives_the_same_numbers_and_tells_what_it_did(tiny_checkpoint, execution, dtype):
    assert set(EXECUTIONS) >= {execution}
    plain = EquiCalc(tiny_checkpoint, device="cpu", dtype="float64")
    calculator = EquiCalc(tiny_checkpoint, device="cpu", dtype=dtype, execution=execution)
    atoms = make_structures()["crystal"]
    tolerance = EXACT if dtype == "float64" else SINGLE
    for name in ("energy", "forces", "stress"):
        expected = plain.get_property(name, atoms)
        torch.testing.assert_close(calculator.get_property(name, atoms), expected, rtol=tolerance, atol=tolerance)
    stats = calculator.stats
    assert (stats.evaluations, stats.list_rebuilds) == (2, 1)  # the energy first, for which no derivative was made
    assert stats.replays == (2 if execution == "static" else 0)
    assert stats.seconds["network"] > 0
    stats.evaluations = 99
    assert calculator.stats.evaluations == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # of torch's own compiler
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_a_compiled_step_is_an_eager_one():
    evaluator, eager = make_evaluator(force_field(), "compile"), EagerEvaluator(force_field())
    for seed in range(3):
        atoms = make_structures()["crystal"]
        atoms.rattle(0.05, seed=seed)
        found = evaluator.evaluate(atoms, forces=True, stress=True)
        expected = eager.evaluate(atoms, forces=True, stress=True)
        for name in ("energy", "forces", "stress"):
            torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-10, atol=1e-10)
    assert (evaluator.stats.captures, evaluator.stats.replays, evaluator.stats.fallbacks) == (1, 3, 0)


def test_where_nothing_can_be_compiled_there_is_a_warning_and_a_result(monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no compiler\nto be found")

    monkeypatch.setattr(torch, "compile", broken)
    evaluator, atoms = make_evaluator(force_field(), "compile"), make_structures()["one atom"]
    with pytest.warns(RuntimeWarning, match="Compiled execution does not work here.* no compiler to be found"):
        found = evaluator.evaluate(atoms, forces=True, stress=True)
    expected = EagerEvaluator(force_field()).evaluate(atoms, forces=True, stress=True)
    torch.testing.assert_close(found.forces, expected.forces)
