from dataclasses import replace

import numpy as np
import pytest
import torch

from equical.model import Potential, parse_config
from equical.training.config import DenoisingConfig, LossConfig, OptimizerConfig
from equical.training.data.batching import collate
from equical.training.data.dataset import read_frames
from equical.training.data.denoising import corrupt
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from equical.training.loop.evaluate import evaluate_samples
from equical.training.loop.loss import NoiseTerm, loss_terms
from equical.training.loop.optimizer import make_optimizer
from equical.training.loop.recompute import recomputing_activations
from equical.training.loop.step import train_step
from equical.training.report.metrics import error_summary
from tests.training.labelled import MODEL, data, write_copper

TERMS = [*loss_terms(LossConfig()), NoiseTerm(3.0)]
COEFFICIENTS = [term.coefficient for term in TERMS]


@pytest.fixture
def path(tmp_path):
    return write_copper(tmp_path, 6)


@pytest.fixture
def samples(path):
    return list(make_samples(read_frames(data(path)), NeighborRules(3.5), torch.float64))


def potential(forces="gradient", dtype=torch.float64, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = parse_config({**MODEL, "forces": forces, "denoising": True, "avg_degree": 12.0, **changes})
        return Potential(config, [28, 29], {28: 5.0, 29: 4.0}, dtype=dtype)


def batch_of(samples):
    settings = DenoisingConfig(probability=1, ratio=0.5, max_ratio=1.0)
    first = samples[0]
    rng = np.random.default_rng(0)
    corruption = corrupt(first.graph, first.forces, rng, settings, neighbor_rules=NeighborRules(3.5))
    return collate(samples, [corruption] + [None] * (len(samples) - 1))


def loss_of(model, batch):
    """The loss alone: a step that is not taken."""
    with torch.no_grad():
        before = [parameter.clone() for parameter in model.parameters()]
    means, _ = train_step(model, make_optimizer(model, OptimizerConfig()), batch, TERMS, COEFFICIENTS)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), before, strict=True):
            parameter.copy_(value)
    return float((torch.tensor(COEFFICIENTS) * means[:-1]).sum())


def loss_with(model, batch, parameter, place, change):
    """The loss with one weight changed."""
    value = parameter.view(-1)[place].item()
    with torch.no_grad():
        parameter.view(-1)[place] = value + change
    loss = loss_of(model, batch)
    with torch.no_grad():
        parameter.view(-1)[place] = value
    return loss


@pytest.mark.parametrize("forces", ["gradient", "direct"])
def test_the_gradient_is_that_of_the_loss(samples, forces):
    """With all four terms, by finite differences in a few weights of every part."""
    model, batch = potential(forces), batch_of(samples[:2])
    train_step(model, torch.optim.SGD(model.parameters(), lr=0.0), batch, TERMS, COEFFICIENTS)
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    step = 1e-5
    for parameter, gradient in list(zip(model.parameters(), gradients, strict=True))[::7]:
        place = gradient.abs().argmax()
        above = loss_with(model, batch, parameter, place, step)
        below = loss_with(model, batch, parameter, place, -step)
        assert gradient.view(-1)[place].item() == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-6)


def test_steps_lower_the_loss(samples):
    model, batch = potential(), batch_of(samples)
    optimizer = make_optimizer(model, OptimizerConfig(learning_rate=0.01))
    losses = []
    for _ in range(30):
        means, present = train_step(model, optimizer, batch, TERMS, COEFFICIENTS)
        losses.append(float((torch.tensor(COEFFICIENTS) * means[:-1]).sum()))
        assert present.tolist() == [1] * 5
    assert losses[-1] < 0.8 * losses[0]


def test_terms_without_labels_are_reported_as_absent(samples):
    bare = [replace(sample, has_stress=False) for sample in samples[:2]]
    model = potential()
    means, present = train_step(model, make_optimizer(model, OptimizerConfig()), collate(bare), TERMS, COEFFICIENTS)
    assert present.tolist() == [1, 1, 0, 0, 1]
    assert means[2:4].tolist() == [0, 0]


def test_long_gradients_are_shortened(samples):
    model, batch = potential(), batch_of(samples[:2])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
    means, _ = train_step(model, optimizer, batch, TERMS, COEFFICIENTS, clip_norm=1e-3)
    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=1e-3)
    assert means[-1] > 1


def gradients(model, batch, **options):
    train_step(model, torch.optim.SGD(model.parameters(), lr=0.0), batch, TERMS, COEFFICIENTS, **options)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def test_activations_computed_again_give_the_same_gradient(samples):
    model, batch = potential(num_layers=2), batch_of(samples[:2])
    plain = gradients(model, batch)
    calls = []
    handle = model.network.blocks[0].attention.register_forward_hook(lambda *_: calls.append(1))
    with recomputing_activations(model):
        again = gradients(model, batch)
    assert torch.allclose(again, plain, rtol=0, atol=1e-12)
    assert len(calls) > 1
    calls.clear()
    gradients(model, batch)
    handle.remove()
    assert len(calls) == 1


@pytest.mark.parametrize("forces", ["gradient", "direct"])
def test_bfloat16_points_the_same_way(path, forces):
    model = potential(forces, torch.float32, channels=16)
    batch = batch_of([*make_samples(read_frames(data(path)), NeighborRules(3.5), torch.float32)])
    plain, coarse = gradients(model, batch), gradients(model, batch, bfloat16=True)
    assert coarse.dtype == torch.float32
    assert not torch.equal(plain, coarse)
    assert torch.nn.functional.cosine_similarity(plain, coarse, dim=0) > 0.98


def test_an_evaluation_compares_what_the_model_says_of_each_structure(samples):
    model = potential()
    terms = TERMS[:3]
    whole = evaluate_samples(model, samples, terms, max_atoms=8, max_edges=10**6)
    for i, sample in enumerate(samples):
        single = model.predict(sample.graph, stress=True)
        assert whole.comparison.energy[i] == pytest.approx(single.energy.item(), abs=1e-9)
        assert np.allclose(whole.comparison.forces[4 * i : 4 * i + 4], single.forces.detach().numpy(), atol=1e-9)
        assert np.allclose(whole.comparison.stress[i], single.stress[0].detach().numpy(), atol=1e-9)
    assert whole.loss == pytest.approx(evaluate_samples(model, samples, terms, max_atoms=10**6, max_edges=10**6).loss)
    errors = error_summary(whole.comparison)
    assert 0.001 * errors["energy_mae_meV_per_atom"] * 5.0 < whole.loss


@pytest.mark.parametrize("boundary", ['pbc="F F F"', 'pbc="T T F" Lattice="2.5 0 0 0 2.5 0 0 0 0"'])
def test_structures_without_volume_and_crystals_in_one_batch(tmp_path, samples, boundary):
    """No stress of a molecule, or of a layer without a third lattice vector, spoils the weights."""
    path = tmp_path / "molecule.extxyz"
    path.write_text(
        f"2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=8 {boundary}\nCu 0 0 0 0 0 1\nCu 0 0 2.4 0 0 -1\n"
    )
    (molecule,) = make_samples(read_frames(data(path)), NeighborRules(3.5), torch.float64)
    model = potential()
    means, _ = train_step(
        model, make_optimizer(model, OptimizerConfig()), collate([samples[0], molecule]), TERMS, COEFFICIENTS
    )
    assert torch.isfinite(means).all()
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
