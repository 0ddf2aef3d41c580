"""Training and evaluation on a real GPU: the same numbers as on the CPU."""

import pytest
import torch

from equical import load_checkpoint
from equical.training.data.dataset import read_frames
from equical.training.evaluation import evaluate_model
from tests.training.labelled import configuration, data, write_copper
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


def test_both_devices_learn_the_same(path, tmp_path):
    """Two stages with DeNS, forces direct and as gradients, with stress."""
    for device in ("cpu", "cuda"):
        assert train(settings(path, device), tmp_path / device).finished
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
