import pytest
import torch
from torch import nn

from equical.training.loop.ema import MovingAverage


@pytest.fixture
def parameter():
    return nn.Parameter(torch.zeros(3, dtype=torch.float64))


def test_it_is_the_exponential_average_after_a_short_start(parameter):
    average = MovingAverage([parameter], 0.9)
    expected = 0.0
    for step in range(200):
        with torch.no_grad():
            parameter.fill_(step)
        average.take_in(average.share(step))
        keep = min(0.9, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    assert average.weights[0].tolist() == pytest.approx([expected] * 3)
    assert 199 - expected == pytest.approx(9, abs=0.5)


def test_without_a_decay_it_follows(parameter):
    average = MovingAverage([parameter], None)
    with torch.no_grad():
        parameter.fill_(5.0)
    average.take_in(average.share(0))
    assert torch.equal(average.weights[0], parameter)


def test_the_model_has_its_own_weights_back_afterwards(parameter):
    average = MovingAverage([parameter], 0.9)
    with torch.no_grad():
        parameter.copy_(torch.tensor([0.1, 0.2, 0.3]))
    before = parameter.detach().clone()
    with pytest.raises(RuntimeError, match="inside"), average.applied():
        assert torch.equal(parameter, torch.zeros(3, dtype=torch.float64))
        raise RuntimeError("inside")
    assert torch.equal(parameter, before)
