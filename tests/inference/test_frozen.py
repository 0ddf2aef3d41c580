"""A frozen twin is that of the weights there are, whatever happened to them."""

import copy
import pickle

import pytest
import torch

from equical.inference.frozen import FrozenTwin
from equical.model.frozen import freeze_whole
from tests.conftest import make_structures
from tests.inference.potentials import CONFIGS, force_field


def energy(potential):
    return potential.predict(potential.graph(make_structures()["crystal"]), forces=False).energy


def test_it_is_made_once():
    twin = FrozenTwin(force_field())
    assert twin() is twin()


@pytest.mark.parametrize("kind", CONFIGS)
def test_changed_weights_are_noticed(kind):
    potential, other = force_field(kind), force_field(kind, seed=2)
    twin = FrozenTwin(potential, freeze_whole)
    before = energy(twin())
    potential.load_state_dict(other.state_dict())
    torch.testing.assert_close(energy(twin()), energy(other))
    assert abs(energy(twin()) - before) > 1e-3
    with torch.no_grad():
        for weight in potential.parameters():
            weight.mul_(0.5)
    torch.testing.assert_close(energy(twin()), energy(potential))
    potential.float()
    assert twin().dtype == torch.float32


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda twin: pickle.loads(pickle.dumps(twin))])
def test_copies_go_their_own_way(duplicate):
    twin = FrozenTwin(force_field())
    before = energy(twin())
    other = duplicate(twin)
    with torch.no_grad():
        for weight in twin.potential.parameters():
            weight.zero_()
    assert torch.equal(energy(other()), before)
    assert other() is not twin()


def test_a_used_twin_is_no_larger_on_disk_than_an_unused_one():
    twin = FrozenTwin(force_field())
    before = len(pickle.dumps(twin))
    twin()
    assert len(pickle.dumps(twin)) == before
