"""Training and evaluation on a real GPU, where steps are real CUDA graphs: the same numbers as on the CPU."""

import pytest
import torch

from equical import load_checkpoint
from equical.inference.backends import CudaGraphBackend
from equical.training.data.dataset import read_frames
from equical.training.evaluation import evaluate_model
from equical.training.loop.buckets import BatchSize, Buckets
from equical.training.loop.captured import CapturedStep
from equical.training.loop.padding import pad_batch
from equical.training.loop.step import PlainStep
from tests.conftest import waiting_is_an_error
from tests.training.labelled import configuration, data, write_copper
from tests.training.loop.small_stages import KINDS, batches_of, controls_of, samples_in, stage_of
from tests.training.loop.test_trainer import DENS, final_state, rows, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

STAGES = [
    {"name": "direct", "model": {"forces": "direct"}, "denoising": DENS, "limits": {"max_steps": 6}},
    {"name": "conservative", "model": {"forces": "gradient"}, "denoising": DENS, "limits": {"max_steps": 6}},
]


@pytest.fixture
def path(tmp_path):
    return write_copper(tmp_path, 16)


def settings(path, device, **changes):
    return configuration(path, device=device, stages=STAGES, **{"dtype": "float64", **changes})


@pytest.mark.parametrize("execution", ["eager", "cuda-graph"])
def test_both_devices_learn_the_same(path, tmp_path, execution):
    """Two stages with DeNS, forces direct and as gradients, with stress. Giving up graphs would warn."""
    assert train(settings(path, "cpu"), tmp_path / "cpu").finished
    assert train(settings(path, "cuda", execution=execution), tmp_path / "cuda").finished
    for name in ("training.csv", "validation.csv"):
        for one, other in zip(rows(tmp_path / "cpu" / name), rows(tmp_path / "cuda" / name), strict=True):
            for key in one.keys() - {"minutes", "atoms_per_second"}:
                if one[key]:
                    assert float(other[key]) == pytest.approx(float(one[key]), rel=1e-6, abs=1e-9, nan_ok=True), key


@pytest.mark.parametrize("stop_after", [3, 8])
def test_a_resumed_run_goes_on_from_the_same_state(path, tmp_path, stop_after):
    """Sums on a GPU differ in their last digits from run to run, so to within that."""
    train(settings(path, "cuda"), tmp_path / "whole")
    train(settings(path, "cuda"), tmp_path / "parts", stop_after=stop_after)
    assert train(settings(path, "cuda"), tmp_path / "parts", resume=True).finished
    whole, parts = (final_state(tmp_path / name) for name in ("whole", "parts"))
    assert whole["progress"]["step"] == parts["progress"]["step"] == 12
    for one, other in zip(whole["average"], parts["average"], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9)


def test_half_precision_learns_too(path, tmp_path):
    train(settings(path, "cuda", dtype="float32"), tmp_path / "single")
    train(settings(path, "cuda", dtype="bfloat16"), tmp_path / "half")
    single, half = (float(rows(tmp_path / name / "validation.csv")[-1]["loss"]) for name in ("single", "half"))
    assert half == pytest.approx(single, rel=0.2) and half != single


def test_evaluation_on_both_devices(path, tmp_path):
    train(settings(path, "cuda"), tmp_path / "run")
    frames, errors = read_frames(data(path)), []
    for device in ("cpu", "cuda"):
        potential = load_checkpoint(tmp_path / "run" / "model").potential.to(device, torch.float64)
        errors.append(evaluate_model(potential, frames, data(path), device=device).errors)
    assert errors[1] == pytest.approx(errors[0], rel=1e-8)


def captured_on_gpu(kind, folder, steps, dtype=torch.float64):
    """Captured steps, plain ones that begin with the same weights, and batches for both."""
    samples = samples_in(folder, dtype=dtype)
    plain, replayed = (stage_of(kind, samples, dtype, device="cuda") for _ in range(2))
    batches = batches_of(plain, samples, steps)
    return CapturedStep(PlainStep(replayed), CudaGraphBackend(), Buckets(map(BatchSize.of, batches))), plain, batches


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_replays_are_fifty_plain_steps(kind, tmp_path):
    """To what sums in another order, which differ from run to run, come to."""
    captured, stage, batches = captured_on_gpu(kind, tmp_path, 50)
    plain = PlainStep(stage)
    for step, batch in enumerate(batches):
        expected = plain(batch, controls_of(stage, step))
        torch.testing.assert_close(captured(batch, controls_of(stage, step)), expected, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(captured.stage.average.weights, stage.average.weights, rtol=1e-7, atol=1e-9)
    assert not captured.given_up and captured.captures < len(batches) / 4


def test_the_host_does_not_wait_within_a_training_step(tmp_path):
    captured, stage, batches = captured_on_gpu("conservative, DeNS", tmp_path, 6)
    for step, batch in enumerate(batches):
        captured(batch, controls_of(stage, step))
    prepared = list(captured._prepared.values())[-1]
    padded = pad_batch(batches[-1], BatchSize.of(prepared.inputs.batch), stage.potential)
    with waiting_is_an_error():
        prepared.inputs.write(padded, controls_of(stage, 6))
        prepared.replay()


def test_graphs_of_all_sizes_share_their_memory(tmp_path):
    captured, stage, batches = captured_on_gpu("conservative", tmp_path, 3, torch.float32)
    batches = sorted(batches, key=lambda batch: -batch.graph.num_edges)
    reserved = []
    for step in range(12):
        captured(batches[step % 3], controls_of(stage, step))
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        reserved.append(torch.cuda.memory_reserved())
    assert captured.captures == 3
    assert reserved[2] < 1.5 * reserved[0]  # the largest came first
    assert reserved[-1] <= reserved[2]
