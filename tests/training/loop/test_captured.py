"""Whole training steps as emulated CUDA graphs: what they learn is what plain steps learn."""

import warnings

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from equical.inference.backends import DirectBackend
from equical.inference.tracing import run_on_fake_device
from equical.testing.capture_safety import OperationCheck, unsafe_nodes
from equical.testing.emulation import EmulatedGraphBackend
from equical.training.loop import trainer as trainer_module
from equical.training.loop.buckets import BatchSize, Buckets
from equical.training.loop.captured import CapturedStep
from equical.training.loop.distributed import World
from equical.training.loop.optimizer import plain_state, set_capturable
from equical.training.loop.padding import pad_batch
from equical.training.loop.static_batch import StaticBatch
from equical.training.loop.step import PlainStep, differentiate
from equical.workflows.common.notes import WorkflowWarning
from tests.training.labelled import configuration, write_copper
from tests.training.loop.small_stages import KINDS, batches_of, controls_of, samples_in, stage_of
from tests.training.loop.test_trainer import DENS, assert_same_run, final_state, rows, train

FEW = 5
"""Steps that show whether something is wrong; the number that has been promised is for the slow tests."""

TOLERANCE = 1e-10
"""What sums in another order come to in a few steps."""


def captured(stage, batches, backend=None, **options):
    return CapturedStep(
        PlainStep(stage, **options), backend or EmulatedGraphBackend(), Buckets(map(BatchSize.of, batches))
    )


def assert_close(found, expected, tolerance):
    """Weights, averages and the optimiser's state."""
    pairs = list(zip(found.potential.parameters(), expected.potential.parameters(), strict=True))
    pairs += zip(found.average.weights, expected.average.weights, strict=True)
    mine, theirs = plain_state(found.optimizer), plain_state(expected.optimizer)
    assert mine["param_groups"] == theirs["param_groups"]
    assert mine["state"].keys() == theirs["state"].keys()
    for key, state in theirs["state"].items():
        pairs += [(mine["state"][key][name], value) for name, value in state.items()]
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def compare(kind, folder, steps, tolerance=TOLERANCE, cap=None, dtype=torch.float64, bfloat16=False, **changes):
    """Take the same steps in both ways, and compare every loss and what has been learnt at the end."""
    samples = samples_in(folder, cap=cap, dtype=dtype)
    plain, replayed = (stage_of(kind, samples, dtype, **changes) for _ in range(2))
    batches = batches_of(plain, samples, steps)
    one = PlainStep(plain, bfloat16)
    other = captured(replayed, batches, bfloat16=bfloat16)
    for step, batch in enumerate(batches):
        expected, present = one(batch, controls_of(plain, step))
        found, found_present = other(batch, controls_of(replayed, step))
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
        assert torch.equal(found_present, present)
    assert_close(replayed, plain, tolerance)
    assert not other.given_up and other.backend.replays == steps
    keys = {(other.buckets.holding(BatchSize.of(batch)), batch.encoding is not None) for batch in batches}
    assert other.captures == other.backend.captures == len(keys)
    return other


@pytest.mark.parametrize("kind", KINDS)
def test_replays_learn_what_plain_steps_learn(kind, tmp_path):
    """With learning rate, weights of the loss and average changing at every step, and noise in some batches only."""
    compare(kind, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_steps_are_the_same_steps(kind, tmp_path):
    compare(kind, tmp_path, 50)


OTHER = {
    "EquiformerV2": {"kind": "EquiformerV2", "cap": 7},
    "activations computed again": {"kind": "conservative", "checkpoint_activations": True},
    "frozen parts, no clipping": {
        "kind": "conservative, DeNS",
        "optimizer": {"freeze": ["blocks.0"], "clip_norm": None, "ema_decay": None, "learning_rate": 2.0**-8},
    },
    "single precision": {"kind": "conservative", "dtype": torch.float32, "tolerance": 2e-3},
    "bfloat16": {"kind": "direct", "dtype": torch.float32, "bfloat16": True, "tolerance": 0.05},
}


@pytest.mark.parametrize("name", OTHER)
def test_so_do_replays_of_other_steps(name, tmp_path):
    compare(folder=tmp_path, steps=3, **OTHER[name])


# What a graph may hold


def on(device, stage, batch):
    """The stage and a padded batch on a device; all sizes differ, so that none is right by chance."""
    inputs = StaticBatch.around(
        pad_batch(batch, BatchSize(23, 331, 5), stage.potential), controls_of(stage, 0), torch.device(device)
    )
    stage.potential.to(device)
    return inputs


@pytest.fixture(params=KINDS)
def noisy(request, tmp_path):
    """A stage of each kind, and a batch with noise if it has any."""
    samples = samples_in(tmp_path)
    stage = stage_of(request.param, samples)
    batch = batches_of(stage, samples, 3)[2]
    assert (batch.encoding is not None) == ("DeNS" in request.param)
    return stage, batch


def test_every_operation_of_a_step_is_allowed(noisy):
    stage = noisy[0]
    inputs, plain = on("cpu", *noisy), PlainStep(stage)
    set_capturable(stage.optimizer, True)
    plain.run(inputs.batch, inputs.coefficients, inputs.share)  # makes what is made once
    with OperationCheck("cpu") as check:
        plain.run(inputs.batch, inputs.coefficients, inputs.share)
    assert check.complaints == []


def test_no_value_is_looked_at_and_no_tensor_made_elsewhere(noisy):
    """On the meta device, up to the gradient: torch has no optimiser there."""
    stage = noisy[0]
    inputs = on("meta", *noisy)
    for _ in range(2):
        with OperationCheck("meta") as check:
            differentiate(stage.potential, inputs.batch, stage.terms, inputs.coefficients, world=World())
    assert check.complaints == []


@pytest.mark.slow
def test_gradients_run_on_fake_cuda_tensors(noisy):
    stage = noisy[0]
    inputs = on("meta", *noisy)
    parameters = list(stage.potential.parameters())

    def gradients():
        for parameter in parameters:
            parameter.grad = None
        found = differentiate(stage.potential, inputs.batch, stage.terms, inputs.coefficients, world=World())
        return [*found, *(parameter.grad for parameter in parameters if parameter.grad is not None)]

    count = len(gradients())
    graph = make_fx(gradients)()
    assert unsafe_nodes(graph, "meta") == []
    try:
        found = run_on_fake_device(graph, (), "cuda")
    except RuntimeError as error:
        if "CUDA driver" not in str(error):
            raise
        pytest.skip("this build of PyTorch wants a CUDA driver even for tensors that hold nothing")
    assert len(found) == count and {tensor.device.type for tensor in found} == {"cuda"}


def test_a_step_leaves_no_node_behind_that_would_remember_its_stream(tmp_path):
    """Nodes that add up gradients run on the stream they were made on; one from outside breaks a capture."""

    def accumulator(parameter):
        return parameter.expand_as(parameter).grad_fn.next_functions[0][0]

    samples = samples_in(tmp_path)
    stage = stage_of("conservative, DeNS", samples)
    nodes = [accumulator(parameter) for parameter in stage.potential.parameters()]
    for node in nodes:
        node.metadata["before"] = True
    PlainStep(stage)(batches_of(stage, samples, 3)[2], controls_of(stage, 0))
    del node, nodes
    assert not any("before" in accumulator(parameter).metadata for parameter in stage.potential.parameters())


# What does not work is given up


class Broken(DirectBackend):
    """Goes wrong in one of three ways."""

    def __init__(self, how):
        self.how = how

    def prepare(self, step, inputs):
        step(inputs)
        if self.how == "error":
            raise RuntimeError("operation not permitted when stream is capturing")

        def replay():
            if self.how == "gradient":
                inputs.batch.forces.mul_(-1)
            return step(inputs) * (1 + 1e-5 * (self.how == "loss"))

        return replay


@pytest.mark.parametrize(
    ("how", "reason"), [("error", "not permitted"), ("loss", "losses differ"), ("gradient", "differ by")]
)
def test_what_does_not_work_is_given_up_with_one_line(how, reason, tmp_path):
    samples = samples_in(tmp_path)
    plain, given_up = stage_of("direct", samples), stage_of("direct", samples)
    batches = batches_of(plain, samples, 3)
    one, other = PlainStep(plain), captured(given_up, batches, Broken(how))
    with pytest.warns(WorkflowWarning, match=f"stage train: .*eager from now on.*{reason}") as caught:
        first = other(batches[0], controls_of(given_up, 0))
    assert len(caught) == 1
    torch.testing.assert_close(first, one(batches[0], controls_of(plain, 0)), rtol=0, atol=0)
    for step in (1, 2):
        torch.testing.assert_close(
            other(batches[step], controls_of(given_up, step)),
            one(batches[step], controls_of(plain, step)),
            rtol=0,
            atol=0,
        )
    assert_close(given_up, plain, 0)
    assert other.given_up
    assert [group["lr"] for group in given_up.optimizer.param_groups] == [
        group["lr"] for group in plain.optimizer.param_groups
    ]


def test_gradients_are_compared_beside_losses(tmp_path):
    """A sign that losses do not depend on is noticed in the gradient."""

    class Reversed(DirectBackend):
        def prepare(self, step, inputs):
            def replay():
                packed = step(inputs)
                for state in stage.optimizer.state.values():
                    state["exp_avg"].neg_()
                return packed

            return replay

    samples = samples_in(tmp_path)
    stage = stage_of("direct", samples)
    batches = batches_of(stage, samples, 1)
    with pytest.warns(WorkflowWarning, match="gradients differ by 2"):
        captured(stage, batches, Reversed())(batches[0], controls_of(stage, 0))


def test_torchs_advice_about_steps_without_a_graph_is_not_passed_on(tmp_path):
    """On a GPU torch warns once where an optimiser for graphs steps outside, as it does while it warms up."""
    samples = samples_in(tmp_path)
    stage = stage_of("direct", samples)
    text = (
        "This instance was constructed with capturable=True or some of all the param_groups came with capturable=True"
    )
    stage.optimizer.register_step_pre_hook(lambda *_: warnings.warn(text, stacklevel=1))
    batches = batches_of(stage, samples, 1)
    step = captured(stage, batches)
    step(batches[0], controls_of(stage, 0))
    assert not step.given_up


# In a run


@pytest.fixture
def emulated(monkeypatch):
    """Runs whose steps are emulated graphs; the list holds those of each stage."""
    made = []

    def make_step(plain, execution, buckets, say):
        made.append(CapturedStep(plain, EmulatedGraphBackend(), buckets()))
        return made[-1]

    monkeypatch.setattr(trainer_module, "make_step", make_step)
    return made


STAGES = [
    {"name": "direct", "model": {"forces": "direct"}, "denoising": DENS, "limits": {"max_steps": 4}},
    {"name": "gradient", "model": {"forces": "gradient"}, "limits": {"max_steps": 4}},
]


def run_settings(folder):
    schedule = {"kind": "constant", "warmup_steps": 4, "warmup_start": 0.5}
    training = {"optimizer": {"learning_rate": 2.0**-8}, "schedule": schedule, "limits": {"max_steps": 4}}
    return configuration(write_copper(folder, 16), stages=STAGES, training=training, dtype="float64")


def test_a_run_of_two_stages_is_the_run_with_plain_steps(tmp_path, emulated):
    config = run_settings(tmp_path)
    train(config, tmp_path / "graphs")
    assert [step.backend.replays for step in emulated] == [4, 4]
    assert not any(step.given_up for step in emulated)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "make_step", lambda plain, *_: plain)
        train(config, tmp_path / "plain")
    for name in ("training.csv", "validation.csv"):
        for one, other in zip(rows(tmp_path / "graphs" / name), rows(tmp_path / "plain" / name), strict=True):
            for key in one.keys() - {"minutes", "atoms_per_second"}:
                if other[key]:
                    assert float(one[key]) == pytest.approx(float(other[key]), rel=1e-5, nan_ok=True), key
    graphs, plain = final_state(tmp_path / "graphs"), final_state(tmp_path / "plain")
    assert graphs["optimizer"]["param_groups"] == plain["optimizer"]["param_groups"]
    torch.testing.assert_close(graphs["average"], plain["average"], rtol=TOLERANCE, atol=TOLERANCE)


def test_stopping_and_resuming_changes_nothing(tmp_path, emulated):
    config = run_settings(tmp_path)
    train(config, tmp_path / "straight")
    for stop_after in (3, 5):
        assert not train(config, tmp_path / "parts", stop_after=stop_after, resume=stop_after > 3).finished
    assert train(config, tmp_path / "parts", resume=True).finished
    assert_same_run(tmp_path / "straight", tmp_path / "parts")


@pytest.mark.parametrize("first", ["graphs", "plain"])
def test_a_run_goes_on_the_other_way(tmp_path, emulated, first):
    """A state says nothing of how steps were taken: begun on a GPU, a run can go on without."""
    config = run_settings(tmp_path)
    ways = {"graphs": trainer_module.make_step, "plain": lambda plain, *_: plain}
    second = next(way for way in ways if way != first)
    for way, folder in ((first, "mixed"), ("plain", "plain")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(trainer_module, "make_step", ways[way])
            train(config, tmp_path / folder, stop_after=2 if folder == "mixed" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "make_step", ways[second])
        assert train(config, tmp_path / "mixed", resume=True).finished
    mixed, plain = final_state(tmp_path / "mixed"), final_state(tmp_path / "plain")
    torch.testing.assert_close(mixed["average"], plain["average"], rtol=TOLERANCE, atol=TOLERANCE)
