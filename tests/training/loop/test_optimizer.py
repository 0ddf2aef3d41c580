import pytest
import torch

from equical import InputError
from equical.model import ModelConfig, Potential
from equical.training.config import OptimizerConfig, ScheduleConfig
from equical.training.loop.optimizer import learning_rate_factor, make_optimizer, set_learning_rate
from tests.training.labelled import MODEL


@pytest.fixture
def potential():
    return Potential(ModelConfig(**MODEL), [1, 6])


def groups_of(potential, optimizer):
    """Weight decay and rate factor of each parameter by name."""
    found = {}
    names = {id(parameter): name for name, parameter in potential.network.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            found[names[id(parameter)]] = (group["weight_decay"], group["rate_factor"])
    return found


def test_biases_norms_and_embeddings_do_not_decay(potential):
    found = groups_of(potential, make_optimizer(potential, OptimizerConfig(weight_decay=0.1)))
    assert found.keys() == {name for name, _ in potential.network.named_parameters()}
    assert found["energy_head.linear_1.weight"][0] == 0.1
    assert found["energy_head.linear_1.bias"][0] == 0
    assert found["norm.weight"][0] == 0
    assert found["atom_embedding.table.weight"][0] == 0
    assert all(decay == 0 for name, (decay, _) in found.items() if "norm" in name or "embedding.w" in name)


def test_the_backbone_learns_at_its_own_rate(potential):
    optimizer = make_optimizer(potential, OptimizerConfig(backbone_rate=0.1))
    set_learning_rate(optimizer, 0.02)
    rates = {name: factor for name, (_, factor) in groups_of(potential, optimizer).items()}
    assert rates["energy_head.linear_2.weight"] == 1.0
    assert {factor for name, factor in rates.items() if not name.startswith("energy_head")} == {0.1}
    assert {round(group["lr"], 6) for group in optimizer.param_groups} == {0.02, 0.002}


def test_frozen_parts_are_left_out(potential):
    found = groups_of(potential, make_optimizer(potential, OptimizerConfig(freeze=["blocks.0", "atom_embedding"])))
    assert not any(name.startswith(("blocks.0", "atom_embedding")) for name in found)
    assert "norm.weight" in found
    thawed = groups_of(potential, make_optimizer(potential, OptimizerConfig()))
    assert any(name.startswith("blocks.0") for name in thawed)


def test_freezing_what_is_not_there_or_everything(potential):
    with pytest.raises(InputError, match=r"no part 'block'; its parts are atom_embedding, .*, blocks\.0"):
        make_optimizer(potential, OptimizerConfig(freeze=["block"]))
    everything = sorted({name.split(".")[0] for name, _ in potential.network.named_parameters()})
    with pytest.raises(InputError, match="freeze leaves nothing to train"):
        make_optimizer(potential, OptimizerConfig(freeze=everything))


def test_the_rate_warms_up_and_falls_to_its_end():
    config = ScheduleConfig(warmup_steps=10, warmup_start=0.2, final=0.05)
    assert learning_rate_factor(config, 0, 0.0) == pytest.approx(0.2)
    assert learning_rate_factor(config, 5, 0.0) == pytest.approx(0.6)
    assert learning_rate_factor(config, 10, 0.0) == pytest.approx(1.0)
    assert learning_rate_factor(config, 99, 0.5) == pytest.approx(0.525)
    assert learning_rate_factor(config, 99, 1.0) == pytest.approx(0.05)
    assert learning_rate_factor(ScheduleConfig(kind="constant", warmup_steps=0), 99, 1.0) == 1.0


def test_weights_move(potential):
    optimizer = make_optimizer(potential, OptimizerConfig())
    before = potential.network.norm.weight.detach().clone()
    potential.network.norm.weight.grad = torch.ones_like(before)
    optimizer.step()
    assert torch.allclose(before - potential.network.norm.weight, torch.full_like(before, 1e-3))
