from dataclasses import replace

import pytest
import torch

from equical.prediction import Prediction
from equical.training.config import LossConfig
from equical.training.data.batching import collate
from equical.training.data.dataset import read_frames
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from equical.training.loop.loss import EnergyTerm, ForcesTerm, NoiseSize, NoiseTerm, StressTerm, loss_sums, loss_terms
from tests.training.labelled import data, write_copper


@pytest.fixture
def batch(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 3)))
    return collate(list(make_samples(frames, NeighborRules(3.5), torch.float64)))


def prediction(batch, **changes):
    exact = Prediction(batch.energy, batch.energy.new_zeros(12), batch.forces, batch.stress)
    return replace(exact, **changes)


def means(term, found, batch):
    sums, totals = loss_sums([term], found, batch)
    return float(sums / totals)


def test_energy_is_the_mean_error_per_atom(batch):
    found = prediction(batch, energy=batch.energy + torch.tensor([4.0, -8.0, 0.0]))
    assert means(EnergyTerm(1.0), found, batch) == pytest.approx((1 + 2 + 0) / 3)
    weighted = replace(batch, weight=torch.tensor([1.0, 0.0, 1.0]))
    assert means(EnergyTerm(1.0), found, weighted) == pytest.approx(0.5)


def test_forces_are_the_mean_length_of_the_error(batch):
    error = torch.zeros(12, 3, dtype=torch.float64)
    error[0], error[7] = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([0.0, 0.0, 7.0])
    found = prediction(batch, forces=batch.forces + error)
    assert means(ForcesTerm(1.0), found, batch) == pytest.approx(12 / 12)
    weight = torch.ones(12)
    weight[7] = 0
    assert means(ForcesTerm(1.0), found, replace(batch, force_weight=weight)) == pytest.approx(5 / 11)


def test_stress_is_the_mean_frobenius_norm(batch):
    error = torch.zeros(3, 3, 3, dtype=torch.float64)
    error[1] = torch.diag(torch.tensor([2.0, 3.0, 6.0]))
    found = prediction(batch, stress=batch.stress + error)
    assert means(StressTerm(1.0), found, batch) == pytest.approx(7 / 3)
    labelled = replace(batch, stress_weight=torch.tensor([0.0, 1.0, 0.0]))
    assert means(StressTerm(1.0), found, labelled) == pytest.approx(7)


def test_huber_is_quadratic_below_delta_and_smooth_at_it(batch):
    def at(error):
        return means(EnergyTerm(1.0, 0.5), prediction(batch, energy=batch.energy + 4 * error), batch)

    assert at(0.1) == pytest.approx(0.1**2 / (2 * 0.5))
    assert at(2.0) == pytest.approx(2.0 - 0.25)
    assert at(0.5 - 1e-9) == pytest.approx(at(0.5 + 1e-9))


def test_the_derivative_is_finite_where_the_error_is_zero(batch):
    forces, stress = batch.forces.clone().requires_grad_(), batch.stress.clone().requires_grad_()
    found = prediction(batch, forces=forces, stress=stress)
    sums, _ = loss_sums([ForcesTerm(1.0), StressTerm(1.0)], found, batch)
    for gradient in torch.autograd.grad(sums.sum(), [forces, stress]):
        assert torch.isfinite(gradient).all()


def test_noise_counts_on_displaced_atoms_only(batch):
    from equical.model import ForceEncoding

    mask = torch.zeros(12, dtype=torch.bool)
    mask[2:4] = True
    noise = torch.zeros(12, 3, dtype=torch.float64)
    noise[2, 0], noise[3, 1], noise[4, 2] = 5.0, -2.0, 70.0
    corrupted = replace(batch, encoding=ForceEncoding(batch.forces, mask), noise=noise)
    guess = noise + 100.0
    guess[2], guess[3] = noise[2] + torch.tensor([0.0, 3.0, 4.0]), noise[3] + torch.tensor([1.0, 0.0, 0.0])
    assert means(NoiseTerm(1.0), prediction(batch, noise=guess), corrupted) == pytest.approx(3.0)
    assert loss_sums([NoiseTerm(1.0)], prediction(batch), batch)[1].item() == 0
    assert means(NoiseSize(), prediction(batch), corrupted) == pytest.approx(3.5)
    assert loss_sums([NoiseSize()], prediction(batch), batch)[1].item() == 0


def test_a_weight_of_zero_drops_a_term():
    terms = loss_terms(LossConfig.model_validate({"forces": {"weight": 0}, "stress": {"weight": 3}}))
    assert [(term.name, term.coefficient) for term in terms] == [("energy", 5.0), ("stress", 3.0)]
