from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch

from equical.training.config import DenoisingConfig
from equical.training.data.batching import collate, plan_batches, plan_epoch, share_batch
from equical.training.data.dataset import read_frames
from equical.training.data.denoising import corrupt
from equical.training.data.neighbor_rules import NeighborRules
from equical.training.data.samples import make_samples
from tests.training.labelled import data, write_copper


@pytest.fixture
def samples(tmp_path):
    frames = read_frames(data(write_copper(tmp_path, 12)))
    return list(make_samples(frames, NeighborRules(3.5), torch.float64))


def test_batches_keep_both_budgets(samples):
    edges = [sample.graph.num_edges for sample in samples]
    for max_atoms, max_edges in ((9, 10**6), (10**6, 3 * max(edges)), (16, 2 * max(edges))):
        batches = plan_epoch(samples, max_atoms=max_atoms, max_edges=max_edges, seed=0, epoch=0)
        assert sorted(chain(*batches)) == list(range(12))
        for batch in batches:
            assert 4 * len(batch) <= max_atoms
            assert sum(edges[i] for i in batch) <= max_edges


def test_a_structure_beyond_the_budget_is_a_batch_of_its_own(samples):
    assert plan_batches(samples, range(12), max_atoms=1, max_edges=1) == [[i] for i in range(12)]


def test_seed_and_epoch_decide_the_order(samples):
    def plan(seed, epoch):
        return plan_epoch(samples, max_atoms=8, max_edges=10**6, seed=seed, epoch=epoch)

    assert plan(0, 1) == plan(0, 1)
    assert plan(0, 1) != plan(0, 2)
    assert plan(0, 1) != plan(1, 1)


def test_processes_share_a_batch_by_edges(samples):
    small = [replace(sample, graph=sample.graph) for sample in samples[:8]]
    shares = share_batch(small, list(range(8)), 3)
    load = [sum(small[i].graph.num_edges + 4 for i in share) for share in shares]
    assert sorted(chain(*shares)) == list(range(8))
    assert max(load) - min(load) <= max(sample.graph.num_edges + 4 for sample in small)
    assert share_batch(small, [5], 2) == [[5], []]
    assert share_batch(small, [3, 1], 1) == [[3, 1]]


def test_collated_labels_stay_with_their_atoms(samples):
    chosen = [replace(samples[3], weight=2.0), replace(samples[5], has_stress=False), samples[0]]
    chosen[2] = replace(chosen[2], free=torch.tensor([False, True, True, True]))
    batch = collate(chosen)
    assert batch.graph.num_structures == 3
    assert torch.equal(batch.forces[4:8], samples[5].forces)
    assert batch.energy.tolist() == [sample.energy for sample in chosen]
    assert batch.force_weight.tolist() == [2, 2, 2, 2, 1, 1, 1, 1, 0, 1, 1, 1]
    assert batch.stress_weight.tolist() == [2, 0, 1]
    assert batch.weight.tolist() == [2, 1, 1]
    assert collate(chosen, skip_fixed=False).force_weight[8] == 1


def test_corrupted_structures_take_the_places_of_clean_ones(samples):
    settings = DenoisingConfig(probability=1, ratio=0.5, max_ratio=1.0)
    rng = np.random.default_rng(3)
    neighbor_rules = NeighborRules(3.5)
    corruption = corrupt(samples[1].graph, samples[1].forces, rng, settings, neighbor_rules=neighbor_rules)
    batch = collate(samples[:3], [None, corruption, None])
    moved = torch.cat([torch.zeros(4), corruption.encoding.mask, torch.zeros(4)]).bool()
    assert torch.equal(batch.encoding.mask, moved)
    assert torch.equal(batch.force_weight > 0, ~moved)
    assert batch.stress_weight.tolist() == [1, 0, 1]
    assert torch.equal(batch.graph.positions[4:8], corruption.graph.positions)
    assert torch.equal(batch.graph.positions[:4], samples[0].graph.positions)
    assert torch.equal(batch.encoding.forces[4:8], corruption.encoding.forces)
    assert not batch.noise[:4].any()
    assert torch.equal(batch.forces[4:8], samples[1].forces)
    assert collate(samples[:2], [None, None]).encoding is None
