"""That the step can be captured as a CUDA graph, proved without a GPU; and that the proof would notice if it could not.

The step is looked at in three ways. On the meta device there are no values to look at, and a tensor made on the host by
mistake is on another device. A trace shows every operation, those of the derivative included. On fake CUDA tensors
torch applies its own rules for CUDA.
"""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.fx.experimental.proxy_tensor import make_fx

from equical.inference.buckets import Capacity
from equical.inference.step import StaticInputs, Step
from equical.inference.tracing import run_on_fake_device, trace
from equical.model.frozen import freeze_whole
from equical.model.kernels import sphere_product
from equical.testing.capture_safety import unsafe_nodes, unsafe_operations
from equical.testing.emulation import EmulatedGraphBackend
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field
from tests.inference.test_step import candidates_of
from tests.tolerances import EXACT

CAPACITY = Capacity(8, 192, 128)


def step_on(device, kind="conservative", capacity=CAPACITY, derivatives=True):
    potential = freeze_whole(force_field(kind).to(device))
    step = Step(potential, capacity, derivatives, potential.config.max_neighbors is None)
    return step, StaticInputs.allocate(capacity, torch.device(device))


def filled(atoms, kind="conservative", capacity=CAPACITY):
    """A step on the CPU and buffers with a structure in them."""
    step, inputs = step_on("cpu", kind, capacity)
    wraps = np.zeros((len(atoms), 3), dtype=np.int64)
    inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, candidates_of(step.potential, atoms))
    return step, inputs


# The step is safe


@pytest.mark.parametrize("derivatives", [True, False])
@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_operation_of_a_step_is_allowed(kind, device, derivatives):
    step, inputs = step_on(device, kind, derivatives=derivatives)
    step(inputs)  # makes constants that are made once
    assert unsafe_operations(lambda *tensors: step(StaticInputs(*tensors)), *inputs.tensors()) == []


@pytest.mark.parametrize("kind", ["conservative", "direct", "EquiformerV2"])
def test_traces_at_two_sizes_hold_the_same_allowed_operations_and_run_on_fake_cuda_tensors(kind):
    """All sizes differ, so that nothing is right because of two that are equal by chance."""
    operations = []
    for capacity in (Capacity(9, 130, 67), Capacity(13, 201, 107)):
        step, inputs = step_on("meta", kind, capacity)
        graph = trace(step, inputs)
        assert unsafe_nodes(graph, "meta") == []
        operations.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
    assert operations[0] == operations[1]
    assert ("aten.native_layer_norm_backward.default" in operations[0]) == (kind == "conservative")
    try:
        packed = run_on_fake_device(graph, inputs.tensors(), "cuda")
    except RuntimeError as error:
        if "CUDA driver" not in str(error):
            raise
        pytest.skip("this build of PyTorch wants a CUDA driver even for tensors that hold nothing")
    assert packed.device.type == "cuda" and packed.dtype == torch.float64
    assert packed.shape == (Step.HEAD + 4 * capacity.atoms,)


def test_a_trace_computes_what_the_step_computes_for_other_structures_too():
    structures = make_structures()
    step, inputs = filled(structures["one atom"])
    graph = trace(step, inputs)
    for name in ("crystal", "lonely atom", "slab"):
        atoms = structures[name]
        _, other = filled(atoms)
        step_result, trace_result = step(other), graph(*other.tensors())
        used = slice(0, Step.HEAD + len(atoms))
        torch.testing.assert_close(trace_result[used], step_result[used], rtol=EXACT, atol=EXACT, equal_nan=True)


def test_the_chunks_that_a_cpu_works_in_change_nothing(monkeypatch):
    """A CPU evaluates grids of many edges in parts; a GPU does not, and the emulation shall speak for both."""
    step, inputs = filled(make_structures()["crystal"])
    expected = step(inputs)
    monkeypatch.setattr(sphere_product, "CHUNK_ELEMENTS", 1000)
    torch.testing.assert_close(
        EmulatedGraphBackend().prepare(step, inputs)()[:20], expected[:20], rtol=EXACT, atol=EXACT
    )


# What is not safe is noticed


LEFT_BEHIND = torch.ones(3)

FORBIDDEN = {
    "value on the host": (lambda x: x * x.sum().item(), "the host waits for a value"),
    "branch on a value": (lambda x: x if x.sum() > 0 else -x, "the host waits for a value"),
    "comparison": (lambda x: x if torch.equal(x, x + 1) else -x, "the host waits for a value"),
    "nonzero": (lambda x: x.nonzero(), "the shape depends on values"),
    "mask as index": (lambda x: x[x > 0], "the shape depends on values"),
    "masked_select": (lambda x: x.masked_select(x > 0), "the shape depends on values"),
    "unique": (lambda x: x.unique(), "the shape depends on values"),
    "repeats by value": (lambda x: x.repeat_interleave(x.long()), "the shape depends on values"),
    "bincount": (lambda x: x.long().bincount(), "waits to learn the shape"),
    "segment_reduce": (lambda x: torch.segment_reduce(x, "sum", lengths=x.long()), "looks at the lengths"),
    "Python numbers": (lambda x: x * torch.tensor([1.0, 2.0, 3.0], device=x.device), "Python numbers are copied"),
    "index of Python numbers": (lambda x: x[[0, 2]], "Python numbers are copied"),
    "numpy array": (lambda x: x * torch.as_tensor(np.ones(3), device=x.device), "Python numbers are copied"),
    "random numbers": (lambda x: x + torch.rand_like(x), "random numbers would repeat"),
    "dropout": (torch.nn.functional.dropout, "random numbers would repeat"),
    "linear algebra": (lambda x: torch.linalg.inv(x.diag()), "not known to be safe"),
    "copy to the host": (lambda x: x.to("cpu") + 1, "makes a tensor on cpu"),
    "tensor made on the host": (lambda x: x + torch.ones(3), "makes a tensor on cpu"),
    "tensor left on the host": (lambda x: x + LEFT_BEHIND, "reads a tensor on cpu"),
    "assertion": (lambda x: torch._assert_async((x > 0).all()) or x, "would break the device"),
    "unknown": (torch.special.i0, "not known to be safe"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_each_class_of_forbidden_operations_is_noticed(name):
    function, reason = FORBIDDEN[name]
    complaints = [
        text for device in ("meta", "cpu") for text in unsafe_operations(function, torch.ones(3, device=device))
    ]
    assert any(reason in text for text in complaints), complaints


def test_a_forbidden_operation_in_a_derivative_is_noticed():
    class Waits(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * grad.abs().max().item()

    def function(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(Waits.apply(x).sum(), x)[0]

    assert any("waits for a value" in text for text in unsafe_operations(function, torch.ones(3, device="meta")))


@pytest.mark.parametrize("name", ["nonzero", "mask as index", "Python numbers", "random numbers", "linear algebra"])
def test_forbidden_operations_are_noticed_in_traces_too(name):
    function, reason = FORBIDDEN[name]
    graph = make_fx(function)(torch.tensor([1.0, 2.0, 4.0]))
    assert any(reason in text for text in unsafe_nodes(graph, "cpu"))


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda x: torch.masked_select(x, torch.gt(x, 0)), DynamicOutputShapeException),
        (lambda x: torch.unique(x), DynamicOutputShapeException),  # noqa: PLW0108 (symbolic tracing needs it)
        (lambda x: torch.bincount(x.long()), DynamicOutputShapeException),
        (lambda x: torch.equal(x, x), DataDependentOutputException),
    ],
)
def test_fake_cuda_tensors_refuse_what_depends_on_values(function, error):
    with pytest.raises(error):
        run_on_fake_device(torch.fx.symbolic_trace(function), (torch.ones(3),), "cuda")


@pytest.mark.parametrize("name", ["value on the host", "nonzero", "Python numbers", "random numbers"])
def test_the_emulation_refuses_to_capture_them(name):
    function, _ = FORBIDDEN[name]
    _, inputs = filled(make_structures()["one atom"])
    with pytest.raises(RuntimeError, match="cannot be captured"):
        EmulatedGraphBackend().prepare(lambda inputs: function(inputs.positions[:3, 0]), inputs)


def test_the_emulation_freezes_python_numbers_as_a_graph_does():
    """So a step that keeps state in Python is caught by giving wrong results."""
    calls = []

    def step(inputs):
        calls.append(1)
        return inputs.positions * len(calls)

    _, inputs = filled(make_structures()["one atom"])
    replay = EmulatedGraphBackend().prepare(step, inputs)
    captured = len(calls)
    for _ in range(3):
        assert torch.equal(replay()[0], inputs.positions[0] * captured)
    assert len(calls) == captured
